"""How audits are shown: as text, HTML, plots and Markdown. It imports the results; the results do not import it."""
