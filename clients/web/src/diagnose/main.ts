/** Entry of the connection check: small, and on its own, for it has to work where little else does. */
import { mount } from 'svelte';
import { preferred } from '../lib/i18n.svelte';
import { restoreTheme } from '../lib/theme';
import '../styles/base.css';
import Diagnose from './Diagnose.svelte';
import { texts } from './texts';

restoreTheme();
await texts.use(preferred()).catch(() => texts.use('en'));
mount(Diagnose, { target: document.getElementById('app')! });
