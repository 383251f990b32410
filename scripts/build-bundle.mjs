// Bundles the command line into dist/: CommonJS, since it starts faster than ES modules, with everything behind a
// dynamic import evaluated only when first needed; and the library as one ES module.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { packChunks } from './bundle-chunks.mjs';

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

/** Read and compiled only by the few commands that need them: large, and each behind a dynamic import. */
const apart = ['undici', 'yaml'];

/** What of zod the sources use: modules that a dynamic import leads to keep everything else that they export. */
function zodNames() {
  const files = readdirSync('src', { recursive: true }).filter((name) => name.endsWith('.ts'));
  const uses = files
    .map((name) => readFileSync(join('src', name), 'utf8'))
    .filter((text) => text.includes("'zod"))
    .flatMap((text) => [...text.matchAll(/\bz\.([a-z]\w*)(?=[(<])/g)].map(([, name]) => name));
  return [...new Set(uses)].sort();
}

const names = zodNames();
// Schemas are not compiled: most are used once or twice by a command, which takes less than to make code of them.
const zod = await bundler.build({
  ...common,
  target: 'esnext',
  stdin: {
    contents: `
      import * as mini from 'zod/mini';
      import * as classic from 'zod';
      mini.config({ jitless: true });
      export const [miniUsed, classicUsed] = [{ ${names.map((name) => `${name}: mini.${name}`)} },
        { ${names.map((name) => `${name}: classic.${name}`)} }];`,
    resolveDir: process.cwd(),
  },
  format: 'esm',
  write: false,
  logOverride: { 'import-is-undefined': 'silent' },
});

const seccomp = await bundler.build({
  ...common,
  stdin: {
    contents: `
      import { defaultCapabilityNames } from './src/runtime/defaults.ts';
      import { compileSeccomp } from './src/runtime/seccomp/compile.ts';
      import { defaultProfileName, defaultSeccompProfile } from './src/runtime/seccomp/profile.ts';
      const profile = defaultSeccompProfile(defaultCapabilityNames);
      module.exports = ['x86_64', 'arm64'].map((machine) =>
        [machine + ' ' + defaultProfileName(profile), compileSeccomp(profile, machine).toString('base64')]);`,
    resolveDir: process.cwd(),
  },
  format: 'cjs',
  write: false,
});
const compiled = { exports: [] };
new Function('module', 'require', seccomp.outputFiles[0].text)(compiled, createRequire(import.meta.url));
/** What src/runtime/seccomp/ready.ts holds in the bundles. */
const ready = compiled.exports;

const sources = join(process.cwd(), 'src');
const packages = {
  name: 'packages',
  setup(build) {
    build.onResolve({ filter: new RegExp(`^(${apart.join('|')})$`) }, ({ path }) => ({
      path: `./${path}.cjs`,
      external: true,
    }));
    // Without effects of their own: what is exported by a room's index and used by nobody is left out.
    build.onResolve({ filter: /^\.\.?\// }, async ({ path, kind, resolveDir, pluginData }) => {
      if (pluginData === 'resolved') return undefined;
      const resolved = await build.resolve(path, { kind, resolveDir, pluginData: 'resolved' });
      return resolveDir.startsWith(sources) ? { ...resolved, sideEffects: false } : resolved;
    });
    build.onLoad({ filter: /\/seccomp\/ready\.ts$/ }, () => ({
      contents: `export const readyPrograms = new Map(${JSON.stringify(ready)});`,
    }));
    build.onResolve({ filter: /^zod(\/mini)?$/ }, ({ path }) => ({ path, namespace: 'zod' }));
    build.onLoad({ filter: /^all$/, namespace: 'zod' }, () => ({ contents: zod.outputFiles[0].text }));
    build.onLoad({ filter: /./, namespace: 'zod' }, ({ path }) => ({
      contents:
        path === 'zod'
          ? "import { classicUsed } from 'zod-all'; export const z = classicUsed;"
          : `import { miniUsed } from 'zod-all'; export const { ${names} } = miniUsed;`,
    }));
    build.onResolve({ filter: /^zod-all$/ }, () => ({ path: 'all', namespace: 'zod' }));
  },
};

await bundler.build({
  ...common,
  entryPoints: Object.fromEntries(apart.map((name) => [name, name])),
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
});
const commandLine = {
  ...common,
  outdir: 'dist',
  plugins: [packages],
  // A name of zod that the search above has not found.
  logOverride: { 'import-is-undefined': 'error' },
  define: { 'import.meta.dirname': '__dirname' },
};
await bundler.build({
  ...commandLine,
  entryPoints: { enter: 'src/cli/rootless/enter.ts', monitor: 'src/cli/monitor.ts' },
  outExtension: { '.js': '.cjs' },
  supported: { 'dynamic-import': false },
  format: 'cjs',
  minify: true,
});
const cli = await bundler.build({
  ...commandLine,
  entryPoints: { cli: 'src/cli/main.ts' },
  format: 'esm',
  splitting: true,
  write: false,
});
writeFileSync('dist/cli.cjs', await packChunks(bundler, cli.outputFiles, 'cli.js'));
await bundler.build({
  ...common,
  entryPoints: { index: 'src/index.ts' },
  outdir: 'dist',
  format: 'esm',
  packages: 'external',
});
