import type { TsbuildError } from '../core/index.ts';
import { quote, trim, trimStart } from './characters.ts';
import { syntaxError } from './instruction.ts';
import type { PhysicalLine } from './lines.ts';
import type { Directives } from './types.ts';

export interface DirectiveLines {
  readonly directives: Directives;
  /** How many lines of the file they take. */
  readonly count: number;
}

const directivePattern = /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(\S.*)$/;
const known = ['syntax', 'escape', 'check'];

/**
 * `# key=value` lines at the very top; the first line of any other kind ends them, later ones are comments.
 * `fail` places an error on a line, counted from 0.
 */
export function readDirectives(
  lines: readonly PhysicalLine[],
  fail: (line: number, error: TsbuildError) => TsbuildError,
): DirectiveLines {
  const values = new Map<string, string>();
  let count = 0;
  for (const { text } of lines) {
    const directive = parseDirective(text, '#');
    if (directive === undefined || !known.includes(directive.name)) break;
    const { name, value } = directive;
    if (values.has(name)) {
      throw fail(
        count,
        syntaxError(`only one ${name} parser directive can be used`, 'remove all but one of them'),
      );
    }
    if (name === 'escape' && value !== '\\' && value !== '`') {
      const message = `invalid escape token ${quote(value)} does not match \` or \\`;
      throw fail(count, syntaxError(message, 'write # escape=\\ or # escape=`', value));
    }
    values.set(name, value);
    count++;
  }
  const escape = values.get('escape') === '`' ? '`' : '\\';
  return {
    directives: { escape, syntax: detectSyntax(lines)?.reference, check: values.get('check') },
    count,
  };
}

function parseDirective(
  line: string,
  comment: '#' | '//',
): { readonly name: string; readonly value: string } | undefined {
  const text = trimStart(line);
  if (!text.startsWith(comment)) return undefined;
  const match = directivePattern.exec(trim(text.slice(comment.length)));
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { name: match[1].toLowerCase(), value: match[2] };
}

export interface SyntaxLine {
  /** The first word of the value. */
  readonly reference: string;
  /** Counted from 0. */
  readonly line: number;
}

/** The frontend a file asks for: `# syntax=`, `// syntax=` or `{"syntax": …}`, each also behind a `#!` line. */
export function detectSyntax(lines: readonly PhysicalLine[]): SyntaxLine | undefined {
  const first = lines[0]?.text.startsWith('#!') === true ? 1 : 0;
  return (
    syntaxAmongComments(lines, first, '#') ??
    syntaxAmongComments(lines, first, '//') ??
    syntaxOfJson(lines, first)
  );
}

function syntaxAmongComments(
  lines: readonly PhysicalLine[],
  first: number,
  comment: '#' | '//',
): SyntaxLine | undefined {
  const seen = new Set<string>();
  for (let line = first; line < lines.length; line++) {
    const directive = parseDirective(lines[line]?.text ?? '', comment);
    if (directive === undefined || !known.includes(directive.name) || seen.has(directive.name))
      return undefined;
    if (directive.name === 'syntax') return { reference: directive.value.split(' ')[0] ?? '', line };
    seen.add(directive.name);
  }
  return undefined;
}

function syntaxOfJson(lines: readonly PhysicalLine[], first: number): SyntaxLine | undefined {
  if (!trimStart(lines[first]?.text ?? '').startsWith('{')) return undefined;
  try {
    const text = lines.slice(first).map((line) => line.text + line.ending);
    const value: unknown = JSON.parse(text.join(''));
    if (typeof value !== 'object' || value === null || !('syntax' in value)) return undefined;
    return typeof value.syntax === 'string' ? { reference: value.syntax, line: first } : undefined;
  } catch {
    return undefined;
  }
}

const builtin =
  /^(?:(?:index\.)?docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::(?:1(?:\.\d+){0,2}|latest|labs|experimental|master)(?:-labs|-experimental)?)?(?:@sha256:[0-9a-f]{64})?$/;

/** Whether the Dockerfile language spoken here is the one that the frontend image implements. */
export function isBuiltinSyntax(reference: string): boolean {
  return builtin.test(reference);
}
