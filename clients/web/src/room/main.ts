/** Entry of participants and the big screen. */
import { mount } from 'svelte';
import { preferred } from '../lib/i18n.svelte';
import { follow } from '../lib/router.svelte';
import { restoreTheme } from '../lib/theme';
import '../styles/base.css';
import App from './App.svelte';
import { texts } from './lib/texts';

const wall = location.pathname.startsWith('/screen/');
restoreTheme(wall ? 'atelier.theme.wall' : undefined);
follow();

// After a release, a tab from before may ask for a chunk that is gone: load the page anew, once. But not while nobody
// answers: what is on the page is better than nothing.
addEventListener('vite:preloadError', () => {
  const { href } = location;
  if (sessionStorage.getItem('atelier.reloaded') === href) return;
  fetch(href, { method: 'HEAD', cache: 'no-store' }).then(
    () => {
      sessionStorage.setItem('atelier.reloaded', href);
      location.reload();
    },
    () => {},
  );
});

await texts.use(preferred()).catch(() => texts.use('en'));
mount(App, { target: document.getElementById('app')! });
