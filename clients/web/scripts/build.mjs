// Builds the entries apart, so that phones do not load what only the studio uses, and joins their manifests.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'vite';

const entries = { room: 'index.html', studio: 'studio.html', diagnose: 'diagnose.html' };
const manifest = {};
let first = true;
for (const [name, input] of Object.entries(entries)) {
  const file = `.vite/${name}.json`;
  await build({
    logLevel: 'warn',
    build: {
      emptyOutDir: first,
      manifest: file,
      // The groups in the config are for the phone's entry; elsewhere they would import their own importer.
      rolldownOptions: { input: { [name]: input }, ...(name === 'room' ? {} : { output: { codeSplitting: true } }) },
    },
  });
  Object.assign(manifest, JSON.parse(readFileSync(`dist/${file}`, 'utf8')));
  rmSync(`dist/${file}`);
  first = false;
}
writeFileSync('dist/.vite/manifest.json', JSON.stringify(manifest, null, 2));
console.log(`built ${Object.keys(manifest).length} chunks`);
