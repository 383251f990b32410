import { listWords } from './characters.ts';
import { parseHeredocWord } from './heredoc.ts';
import { flagsOf, syntaxError, type InstructionSource } from './instruction.ts';
import { jsonStrings } from './words.ts';
import type { AddInstruction, CopyInstruction, CopySource } from './types.ts';

/** `COPY [--from=…] [--chown=…] [--chmod=…] [--link] [--parents] [--exclude=…] source… destination` */
export function parseCopy(source: InstructionSource): CopyInstruction {
  const flags = flagsOf(source, {
    from: 'string',
    chown: 'string',
    chmod: 'string',
    link: 'bool',
    parents: 'bool',
    exclude: 'list',
  });
  return {
    ...source.located,
    kind: 'copy',
    ...sourcesAndDestination(source),
    from: flags.each('from', checkedFrom)[0],
    chown: flags.string('chown'),
    chmod: flags.string('chmod'),
    link: flags.bool('link') ?? false,
    parents: flags.bool('parents') ?? false,
    exclude: flags.list('exclude'),
  };
}

/** `ADD [--chown=…] [--chmod=…] [--link] [--exclude=…] [--checksum=…] [--keep-git-dir] [--unpack] source… destination` */
export function parseAdd(source: InstructionSource): AddInstruction {
  const flags = flagsOf(source, {
    chown: 'string',
    chmod: 'string',
    link: 'bool',
    exclude: 'list',
    checksum: 'string',
    'keep-git-dir': 'bool',
    unpack: 'bool',
  });
  return {
    ...source.located,
    kind: 'add',
    ...sourcesAndDestination(source),
    chown: flags.string('chown'),
    chmod: flags.string('chmod'),
    link: flags.bool('link') ?? false,
    exclude: flags.list('exclude'),
    checksum: flags.string('checksum'),
    keepGitDir: flags.bool('keep-git-dir'),
    unpack: flags.bool('unpack'),
  };
}

function checkedFrom(from: string): string {
  if (from === '')
    throw syntaxError('missing a value on flag: --from', 'name a stage, an image or a context');
  if (!/\$./.test(from)) return from;
  throw syntaxError(
    "'from' doesn't support variable expansion, define alias stage instead",
    'add a stage FROM image-with-$VARIABLE AS name, and write --from=name',
  );
}

interface SourcesAndDestination {
  readonly sources: readonly CopySource[];
  readonly destination: string;
}

function sourcesAndDestination(source: InstructionSource): SourcesAndDestination {
  const { keyword, split, heredocs } = source;
  const strings = jsonStrings(split.rest.text);
  const words = strings ?? listWords(split.rest.text);
  const destination = words.at(-1);
  if (words.length < 2 || destination === undefined) {
    const provided = words.length === 0 ? 'none was provided' : 'only one was provided';
    throw syntaxError(
      `${keyword} requires at least two arguments, but ${provided}. Destination could not be determined`,
      `write ${keyword} source… destination`,
    );
  }
  if (strings !== undefined) {
    return { sources: strings.slice(0, -1).map((path) => ({ kind: 'path', path })), destination };
  }
  if (parseHeredocWord(destination) !== undefined) {
    throw syntaxError(
      `${keyword} cannot accept a heredoc as a destination`,
      'write the destination behind the <<EOF',
      destination,
    );
  }
  const bodies = heredocs.values();
  const sources = words.slice(0, -1).map((word): CopySource => {
    if (parseHeredocWord(word) === undefined) return { kind: 'path', path: word };
    const heredoc = bodies.next().value;
    if (heredoc === undefined) throw unreadableHeredoc(keyword);
    return { kind: 'heredoc', heredoc };
  });
  // Words split at blanks while heredocs may hold some: where the two disagree a body would be lost without a word.
  if (bodies.next().value !== undefined) throw unreadableHeredoc(keyword);
  for (const { name } of heredocs) {
    if (name !== '.' && name !== '..' && !name.includes('/')) continue;
    throw syntaxError(
      `the heredoc name ${name} is not a file name`,
      'the file is called like the delimiter: use a plain word',
      name,
    );
  }
  return { sources, destination };
}

function unreadableHeredoc(keyword: string) {
  return syntaxError(`${keyword} cannot read this heredoc`, 'write it without blanks, as <<EOF or <<"EOF"');
}
