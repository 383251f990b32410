// Bundles the command line into dist/: CommonJS, since it starts faster than ES modules, with everything behind a
// dynamic import evaluated only when first needed; and the library as one ES module.
import { build } from 'esbuild';

const common = { bundle: true, platform: 'node', target: 'node22', logLevel: 'warning', sourcemap: false };

await build({
  ...common,
  entryPoints: { cli: 'src/cli/main.ts', monitor: 'src/cli/monitor.ts' },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  define: { 'import.meta.dirname': '__dirname' },
});
await build({
  ...common,
  entryPoints: { index: 'src/index.ts' },
  outdir: 'dist',
  format: 'esm',
  packages: 'external',
});
