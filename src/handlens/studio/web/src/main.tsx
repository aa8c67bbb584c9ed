import { render } from 'preact'
import { HomeScreen } from './components/HomeScreen'
import { StudioScreen } from './components/StudioScreen'
import './styles/base.css'
import './styles/controls.css'
import './styles/home.css'
import './styles/studio.css'
import './styles/panels.css'
import './styles/review.css'
import './styles/dialogs.css'
import './theme'

const id = /^\/c\/([^/]+)\/?$/.exec(location.pathname)?.[1]

render(id ? <StudioScreen id={decodeURIComponent(id)} /> : <HomeScreen />, document.getElementById('app')!)
