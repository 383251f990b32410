/** Nothing here knows the commands themselves: what a line asks for is looked at before they are loaded. */
const programFlags: ReadonlySet<string> = new Set(['--help', '-h', '--version', '-v']);

/**
 * `tsbuild -t app .` and `tsbuild .` are short for `tsbuild build …`; `tsbuild help run` for `tsbuild run --help`. A
 * word that is neither a flag, a command nor a path is left for the program to complain about.
 */
export function fullCommandLine(argv: readonly string[]): readonly string[] {
  const position = firstWord(argv);
  const word = argv[position];
  if (word === undefined || programFlags.has(word)) return argv;
  const [before, after] = [argv.slice(0, position), argv.slice(position + 1)];
  if (word === 'help') return [...before, ...after.slice(0, 1), '--help'];
  if (word === 'build' || word === 'plan') return [...before, word, ...after.map(withBareValue)];
  if (word === 'commit')
    return argv.map((each) => (each === '-p' || each === '--pause' ? '--pause=true' : each));
  // What stands behind the words of these is the program's in the container.
  if (['run', 'create', 'exec', 'top'].includes(word)) return argv;
  const isContext = word === '.' || word === '..' || word.includes('/');
  if (!word.startsWith('-') && !isContext) {
    return argv.map((each) => (each === '--tls-verify' ? `${each}=true` : each));
  }
  return [...before, 'build', ...[word, ...after].map(withBareValue)];
}

export function asksVersion(argv: readonly string[]): boolean {
  const word = argv[firstWord(argv)];
  return word === '--version' || word === '-v';
}

/**
 * What flags mean without a value; most are those of `build`. Said to commander with one: else it takes the word behind
 * for it, which is the context.
 */
const bareValues: ReadonlyMap<string, string> = new Map([
  ['--squash', 'new'],
  ['--provenance', 'true'],
  ['--sbom', 'true'],
  ['--http-proxy', 'true'],
  ['--tls-verify', 'true'],
]);

function withBareValue(word: string): string {
  const value = bareValues.get(word);
  return value === undefined ? word : `${word}=${value}`;
}

/** Index behind `--root DIR`. */
export function firstWord(argv: readonly string[]): number {
  let position = 0;
  for (;;) {
    const word = argv[position];
    if (word === '--root') position += 2;
    else if (word?.startsWith('--root=') === true) position += 1;
    else return position;
  }
}
