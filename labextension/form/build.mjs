// Build the spawn form's one ES module. The hub serves it, so it goes where the form's package keeps its files.
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const at = path => fileURLToPath(new URL(path, import.meta.url));

await build({
  entryPoints: [at('src/index.ts')],
  outfile: at('../../spawners/form/static/form.js'),
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'inline'
});
