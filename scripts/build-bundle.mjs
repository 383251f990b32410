// Bundles the command line into dist/: CommonJS, since it starts faster than ES modules, with everything behind a
// dynamic import evaluated only when first needed; and the library as one ES module.
import { createRequire } from 'node:module';

const bundler = (() => {
  try {
    return createRequire(import.meta.url)('esbuild');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    console.error('tsbuild: the sources are bundled by esbuild, which is not installed.');
    console.error('  hint: install with the development packages: npm ci');
    process.exit(1);
  }
})();
const common = { bundle: true, platform: 'node', target: 'node22', logLevel: 'warning', sourcemap: false };

await bundler.build({
  ...common,
  entryPoints: { cli: 'src/cli/main.ts', enter: 'src/cli/rootless/enter.ts', monitor: 'src/cli/monitor.ts' },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  define: { 'import.meta.dirname': '__dirname' },
});
await bundler.build({
  ...common,
  entryPoints: { index: 'src/index.ts' },
  outdir: 'dist',
  format: 'esm',
  packages: 'external',
});
