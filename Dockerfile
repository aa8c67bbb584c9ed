# Studio with PyTorch for CPUs: `docker build -t handlens .`, and docs/install.md says how to run it.

FROM python:3.13-slim-bookworm AS build
WORKDIR /source
COPY . .
# Node, which builds the page, comes from PyPI.
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim-bookworm
COPY --from=build /wheels /wheels
# PyTorch's own index has wheels without 4 GB for GPUs.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch torchvision \
    && pip install --no-cache-dir /wheels/*.whl \
    && rm -r /wheels \
    && useradd --create-home handlens \
    && install --directory --owner handlens /collections
USER handlens
ENV HANDLENS_HOME=/collections HF_HOME=/collections/weights TORCH_HOME=/collections/weights
VOLUME /collections
EXPOSE 8600
ENTRYPOINT ["handlens"]
CMD ["studio", "--host", "0.0.0.0", "--port", "8600", "--no-browser"]
