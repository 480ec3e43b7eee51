/** Starts the studio: theme and language first, so that nothing flashes. */
import { mount } from 'svelte';
import '../styles/base.css';
import '../styles/fonts.css';
import './studio.css';
import { Api } from '@atelier/sdk';
import { preferred } from '../lib/i18n.svelte';
import { restoreTheme } from '../lib/theme';
import App from './App.svelte';
import { texts } from './lib/i18n';

restoreTheme();
await texts.use(preferred());
mount(App, { target: document.getElementById('app')!, props: { api: new Api() } });
