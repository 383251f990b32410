import { createHash } from 'node:crypto';

/**
 * What starts the command line is one file of many parts: what only a dynamic import leads to is a part of its own, and
 * so is what several of those share. A part is evaluated when something of it is first used, and what a command does not
 * use costs it one function that is never compiled.
 */

/** Of Node's modules those that cost a start more than a tenth of a millisecond: loaded by the first use, too. */
const lazyModules = new RegExp(
  `^node:(?:child_process|crypto|dgram|dns|fs/promises|https?|net|readline/promises|stream|stream/.*|worker_threads|zlib)$`,
);

/**
 * @param bundler esbuild
 * @param outputs of a build with splitting, as ES modules; `entry`: the file name of the one that is run
 * @returns one script: a line that tells its content from every other, and an expression, the function that CommonJS
 * modules are wrapped in; it exports an array with an element for each part that has been loaded
 */
export async function packChunks(bundler, outputs, entry) {
  const numbers = new Map(outputs.map(({ path }, index) => [`./${path.split('/').at(-1)}`, index]));
  const parts = await Promise.all(
    outputs.map(async ({ text }) => {
      const { code } = await bundler.transform(text, {
        format: 'cjs',
        platform: 'node',
        target: 'node22',
        minifySyntax: true,
        minifyWhitespace: true,
        // Node warns of a dynamic import by the code that it is given to run; what is apart is required instead.
        supported: { 'dynamic-import': false },
      });
      return withLazyRequires(code, numbers);
    }),
  );
  const passing = parts.flatMap((code, number) => (passesOn.test(code) ? [number] : []));
  const functions = parts.map((code) => `(module,require)=>{${code}}`).join(',\n');
  const script = `(function(exports,require,module,__filename,__dirname){"use strict";const parts=[${functions}],passing=[${passing}];${loader}module.exports=loaded;load(${numbers.get(`./${entry}`)})})`;
  // Names last: the replacements above go by them. V8 reads them with the source, and again with its code.
  const { code } = await bundler.transform(script, {
    target: 'node22',
    minifyIdentifiers: true,
    minifyWhitespace: true,
  });
  const short = code.trim().replace(/;$/, '');
  return `// ${createHash('sha256').update(short).digest('hex')}\n${short}\n`;
}

/** The index of a room, which exports what is in other parts: they are loaded when that is asked for. */
const passesOn = /__export\(stdin_exports,\{[^}]*\brequire\(\d/;

/** The getters that other parts export by are for those that need each other while they are evaluated; values are faster. */
const loader =
  'const loaded=[];function load(name){if(typeof name==="string")return require(name);if(loaded[name])return loaded[name].exports;' +
  'const own=loaded[name]={exports:{}};parts[name](own,load);if(!passing.includes(name))own.exports={...own.exports};return own.exports}';

/** `var import_x=require("x");` and `import_x.y` become `var $x;` and `($x??=require("x")).y`. */
function withLazyRequires(code, numbers) {
  const lazy = new Map();
  return (
    code
      // What a part exports has the form of a module already.
      .replaceAll(
        /__toESM\(require\(("\.\/[^"]+")\)\)|\brequire\(("\.\/[^"]+")\)/g,
        (whole, converted, plain) => {
          const number = numbers.get(JSON.parse(converted ?? plain));
          return number === undefined ? whole : `require(${number})`;
        },
      )
      .replaceAll(
        /\bimport_(\w+)=(__toESM\(require\(("[^"]+")\)(?:,1)?\)|require\((\d+|"[^"]+")\))/g,
        (whole, variable, load, converted, plain) => {
          const name = JSON.parse(converted ?? plain);
          if (typeof name === 'string' && !lazyModules.test(name)) return whole;
          const own = `$${typeof name === 'string' ? variable : name}`;
          lazy.set(variable, `(${own}??=${load})`);
          return own;
        },
      )
      .replaceAll(/\bimport_(\w+)/g, (whole, variable) => lazy.get(variable) ?? whole)
  );
}
