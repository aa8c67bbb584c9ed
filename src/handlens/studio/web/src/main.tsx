import { type JSX, render } from 'preact'
import { HomeScreen } from './components/HomeScreen'
import { StudioScreen } from './components/StudioScreen'
import { refuseStrayDrops } from './components/stray-drops'
import { ExperimentsScreen } from './experiments/ExperimentsScreen'
import { isHere } from './experiments/state/address'
import { KernelScreen } from './kernel/KernelScreen'
import './styles/base.css'
import './styles/controls.css'
import './styles/home.css'
import './styles/studio.css'
import './styles/panels.css'
import './styles/review.css'
import './styles/dialogs.css'
import './styles/import.css'
import './styles/audit.css'
import './styles/check.css'
import './styles/next.css'
import './styles/kernel.css'
import './styles/label-list.css'
import './styles/map.css'
import './styles/filters.css'
import './styles/experiments-views.css'
import './styles/experiments.css'
import './state/theme'

function screen(): JSX.Element {
  if (/^\/kernel\/?$/.test(location.pathname)) return <KernelScreen />
  if (isHere(location.pathname)) return <ExperimentsScreen />
  const id = /^\/c\/([^/]+)\/?$/.exec(location.pathname)?.[1]
  return id ? <StudioScreen id={decodeURIComponent(id)} /> : <HomeScreen />
}

refuseStrayDrops()
render(screen(), document.getElementById('app')!)
