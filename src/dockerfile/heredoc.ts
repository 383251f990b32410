import { ShellLexer } from './shell-lexer.ts';
import { splitWords } from './expand.ts';

/** `<<EOF` before its body is read. */
export interface HeredocWord {
  readonly name: string;
  readonly expand: boolean;
  readonly chomp: boolean;
  readonly fd?: number | undefined;
}

const noVariables = () => undefined;
const heredocPattern = /^(\d*)<<(-?)[\t\n\f\r ]*([^<]*)$/;

/** The heredocs a line announces, in the order of their bodies. A line that no shell could read announces none. */
export function heredocsOfLine(text: string): readonly HeredocWord[] {
  if (!text.includes('<<')) return [];
  const words = tryLex(text, 'keep', true);
  return words === undefined ? [] : words.flatMap((word) => parseHeredocWord(word) ?? []);
}

/** The heredoc that a whole word (or the whole text of a RUN) is, if it is one. */
export function parseHeredocWord(text: string): HeredocWord | undefined {
  const match = heredocPattern.exec(text);
  const delimiter = match?.[3] ?? '';
  if (match === null || delimiter === '') return undefined;
  const names = tryLex(delimiter, 'remove', false);
  const [name] = names ?? [];
  if (names?.length !== 1 || name === undefined) return undefined;
  const written = tryLex(delimiter, 'keep', false)?.[0] ?? '';
  const fd = match[1] === '' ? undefined : Number(match[1]);
  return { name, expand: quotesIn(name) === quotesIn(written), chomp: match[2] === '-', fd };
}

/** The words with `<< EOF` as one, or undefined when quotes or variables are malformed. */
function tryLex(text: string, quotes: 'keep' | 'remove', line: boolean): readonly string[] | undefined {
  try {
    // A backslash is the shell's own escape, whatever the escape directive says.
    const options = { escape: '\\', lookup: noVariables, keepUnset: true, quotes } as const;
    return splitWords(new ShellLexer(text, { ...options, keepEscapes: line, heredocs: line }).run());
  } catch {
    return undefined;
  }
}

function quotesIn(text: string): number {
  return text.replace(/[^'"]/g, '').length;
}
