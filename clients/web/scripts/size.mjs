// Adds up the JS and CSS every route needs before it is usable (gzip) and fails when it is over its budget.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const root = process.argv[2] ?? 'dist';
const manifest = JSON.parse(readFileSync(join(root, '.vite/manifest.json'), 'utf8'));
const { routes } = JSON.parse(readFileSync(new URL('../budgets.json', import.meta.url), 'utf8'));

const sizes = new Map();
function gz(file) {
  if (!sizes.has(file)) sizes.set(file, gzipSync(readFileSync(join(root, file)), { level: 9 }).length);
  return sizes.get(file);
}

function collect(key, seen = new Set(), files = new Set()) {
  if (seen.has(key)) return files;
  seen.add(key);
  const chunk = manifest[key];
  if (!chunk) throw new Error(`budgets.json names ${key}, which the build does not have`);
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) collect(next, seen, files);
  return files;
}

let failed = false;
for (const [route, { chunks, js, css }] of Object.entries(routes)) {
  const files = new Set(chunks.flatMap((key) => [...collect(key)]));
  const sum = (kind) => [...files].filter((f) => f.endsWith(kind)).reduce((total, f) => total + gz(f), 0) / 1024;
  const [scripts, styles] = [sum('.js'), sum('.css')];
  const over = scripts > js || styles > css;
  failed ||= over;
  const line = `${scripts.toFixed(1).padStart(6)} / ${js} kB JS   ${styles.toFixed(1).padStart(5)} / ${css} kB CSS`;
  console.log(`${over ? 'OVER ' : 'ok   '} ${route.padEnd(26)} ${line}`);
}
if (failed) process.exit(1);
