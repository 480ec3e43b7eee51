import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Connect, type Plugin } from 'vite';

/** The server's address in development. */
const SERVER = process.env.ATELIER_SERVER ?? 'http://127.0.0.1:8080';

/** Sends page addresses to the entry that owns them, as the real server does. */
function entries(): Plugin {
  const pick: Connect.NextHandleFunction = (req, _res, next) => {
    const path = (req.url ?? '/').split(/[?#]/)[0]!;
    const page = req.headers.accept?.includes('text/html') && !path.includes('.') && !path.startsWith('/@');
    const under = (folder: string) => path === folder || path.startsWith(`${folder}/`);
    if (page) req.url = under('/studio') ? '/studio.html' : under('/diagnose') ? '/diagnose.html' : '/index.html';
    next();
  };
  return {
    name: 'atelier-entries',
    configureServer: (server) => void server.middlewares.use(pick),
    configurePreviewServer: (server) => void server.middlewares.use(pick),
  };
}

const proxy = {
  '/api': { target: SERVER, changeOrigin: false },
  '/files': { target: SERVER },
  '/live': { target: SERVER, ws: true },
  '/collab': { target: SERVER, ws: true },
};

export default defineConfig({
  plugins: [svelte(), entries()],
  appType: 'mpa',
  optimizeDeps: { entries: ['index.html', 'studio.html', 'diagnose.html'] },
  resolve: {
    // Two copies of one of these do not know each other's objects.
    dedupe: ['yjs', 'y-protocols', 'prosemirror-model', 'prosemirror-state', 'prosemirror-view'],
    alias: { '@atelier/sdk': fileURLToPath(new URL('../sdk/src/index.ts', import.meta.url)) },
  },
  build: {
    target: 'es2022',
    manifest: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // What the join page does without, so that phones on bad networks do not wait for it.
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            {
              name: 'lists',
              test: /svelte\/src\/internal\/client\/dom\/blocks\/each\.js/,
            },
            // One file instead of ten: what rooms and big screens share, and small parts that every page has.
            { name: 'live', test: /web\/src\/room\/lib\/(live|view)|sdk\/src\/reduce/ },
            {
              name: 'core',
              test: /web\/src\/(lib\/(router|announce|i18n)|room\/lib\/(texts|codes)|ui\/Brand)|svelte\/src\/(internal\/disclose-)?version/,
            },
          ],
        },
      },
    },
  },
  server: { port: 5173, proxy },
  preview: { port: 4173, proxy },
});
