import { TsbuildError, type SourceExcerpt, type SourceRange } from '../core/index.ts';
import { quote, trim, trimEnd } from './characters.ts';
import { detectSyntax, isBuiltinSyntax, readDirectives } from './directives.ts';
import { heredocsOfLine } from './heredoc.ts';
import { syntaxError, type InstructionSource } from './instruction.ts';
import { parseFrom } from './instruction-metadata.ts';
import { parseStageInstruction, withUsage } from './instructions.ts';
import { splitLines, type PhysicalLine } from './lines.ts';
import { InstructionReader, lineRange, rangeOf, type LogicalLine } from './reader.ts';
import { jsonStrings, splitInstruction, type SplitInstruction } from './words.ts';
import type {
  ArgInstruction,
  Dockerfile,
  Heredoc,
  ParseWarning,
  StageInstruction,
  StageSyntax,
  Trigger,
} from './types.ts';

export interface ParseOptions {
  /** The build arg BUILDKIT_SYNTAX: the frontend to read the file with, whatever its own `syntax` line says. */
  readonly syntax?: string | undefined;
}

/**
 * Reads a whole Dockerfile; `file` is its name in messages. Words stay unexpanded.
 * Throws a located TsbuildError: DOCKERFILE_SYNTAX, or DOCKERFILE_UNSUPPORTED for a foreign `syntax` (without a place
 * when a build arg asked for it).
 */
export function parseDockerfile(
  source: Uint8Array | string,
  file: string,
  options: ParseOptions = {},
): Dockerfile {
  const lines = splitLines(source);
  const reader = new InstructionReader(file, lines);
  refuseForeignSyntax(options.syntax, lines, reader);
  const { directives, count } = readDirectives(lines, (line, error) =>
    error.locatedAt(reader.excerpt({ startLine: line + 1, endLine: line + 1 })),
  );
  reader.skipDirectives(count, directives.escape);
  const parser: Parser = { reader, escape: directives.escape };
  const globalArgs: ArgInstruction[] = [];
  const stages: (StageSyntax & { readonly instructions: StageInstruction[] })[] = [];
  const warnings: ParseWarning[] = [];
  for (let line = reader.read(); line !== undefined; line = reader.read()) {
    warnings.push(...warningsOf(reader, line));
    const parsed = parseLine(parser, line);
    const stage = stages.at(-1);
    if (parsed.kind === 'from') {
      stages.push({ index: stages.length, name: parsed.name, from: parsed.from, instructions: [] });
    } else if (stage !== undefined) stage.instructions.push(parsed.instruction);
    else if (parsed.instruction.kind === 'arg') globalArgs.push(parsed.instruction);
    else {
      const error = syntaxError(
        'no build stage in current context',
        'a Dockerfile begins with FROM; only ARG may come before',
      );
      throw error.locatedAt(reader.excerpt(lineRange(line)));
    }
  }
  if (stages.length === 0) throw nothingToBuild(reader, globalArgs.length);
  return { file, lines: lines.map((line) => line.text), directives, globalArgs, stages, warnings };
}

/**
 * An ONBUILD trigger of a base image, which holds one instruction; `file` names it in messages, as
 * `ONBUILD trigger of base image X`. Throws a located DOCKERFILE_SYNTAX.
 */
export function parseTrigger(text: string, file: string): Trigger {
  const lines = splitLines(text);
  const reader = new InstructionReader(file, lines);
  const line = reader.read();
  if (line === undefined) {
    throw syntaxError('the ONBUILD trigger is empty').locatedAt(reader.excerpt({ startLine: 1, endLine: 1 }));
  }
  // Triggers carry no directives: whatever file they come from, they are read with the default escape.
  const parsed = parseLine({ reader, escape: '\\' }, line);
  if (parsed.kind === 'from') {
    throw syntaxError("FROM isn't allowed as an ONBUILD trigger").locatedAt(reader.excerpt(lineRange(line)));
  }
  const second = reader.read();
  if (second !== undefined) {
    throw syntaxError('an ONBUILD trigger must be a single instruction').locatedAt(
      reader.excerpt(lineRange(second)),
    );
  }
  const source: Dockerfile = {
    file,
    lines: lines.map((physical) => physical.text),
    directives: { escape: '\\' },
    globalArgs: [],
    stages: [],
    warnings: [],
  };
  return { instruction: parsed.instruction, source };
}

function refuseForeignSyntax(
  given: string | undefined,
  lines: readonly PhysicalLine[],
  reader: InstructionReader,
): void {
  if (given !== undefined && trim(given) !== '') {
    const reference = trim(given).split(' ', 1)[0] ?? '';
    if (isBuiltinSyntax(reference)) return;
    const message = `BUILDKIT_SYNTAX asks for the frontend ${quote(reference)}, which only BuildKit can run`;
    throw new TsbuildError('DOCKERFILE_UNSUPPORTED', message, {
      hint: 'leave it out, or give docker/dockerfile:1, if the file is an ordinary Dockerfile',
    });
  }
  const syntax = detectSyntax(lines);
  if (syntax === undefined || isBuiltinSyntax(syntax.reference)) return;
  throw new TsbuildError(
    'DOCKERFILE_UNSUPPORTED',
    `the syntax directive asks for the frontend ${quote(syntax.reference)}, which only BuildKit can run`,
    {
      hint: 'if the file is an ordinary Dockerfile: --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1 reads it as one',
      fault: syntax.reference,
      at: reader.excerpt({ startLine: syntax.line + 1, endLine: syntax.line + 1 }),
    },
  );
}

function nothingToBuild(reader: InstructionReader, args: number): TsbuildError {
  const line = Math.max(reader.line, 1);
  const message = args === 0 ? 'file with no instructions' : 'file with no FROM: there is nothing to build';
  const error = syntaxError(message, 'a Dockerfile needs at least a line such as FROM debian:bookworm');
  return error.locatedAt(reader.excerpt({ startLine: line, endLine: line }));
}

function warningsOf(reader: InstructionReader, line: LogicalLine): readonly ParseWarning[] {
  if (line.emptyContinuation === undefined) return [];
  const range = { startLine: line.emptyContinuation, endLine: line.emptyContinuation };
  const message = 'empty continuation line: remove it, or make it a comment';
  return [{ rule: 'NoEmptyContinuation', message, at: reader.excerpt(range) }];
}

interface Parser {
  readonly reader: InstructionReader;
  readonly escape: '\\' | '`';
}

type Parsed =
  | ({ readonly kind: 'from' } & ReturnType<typeof parseFrom>)
  | { readonly kind: 'stage'; readonly instruction: StageInstruction };

function parseLine(parser: Parser, line: LogicalLine): Parsed {
  const { reader, escape } = parser;
  const place = (range: SourceRange): SourceExcerpt => reader.excerpt(range);
  const split = splitInstruction(line.text, escape);
  try {
    const heredocs = readHeredocs(parser, line, split);
    const comments = line.comments.length === 0 ? {} : { comments: line.comments };
    const range = {
      startLine: line.startLine,
      endLine: Math.max(line.endLine, heredocs.length > 0 ? reader.line : 0),
    };
    return parseInstruction({
      keyword: split.keyword,
      split,
      heredocs,
      escape,
      located: { range, text: oneLine(line.text, split), ...comments },
      at: (error, offset, length) => error.locatedAt(place(rangeOf(line, offset, length))),
    });
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    throw withUsage(error, split.keyword).locatedAt(place(lineRange(line)));
  }
}

function oneLine(text: string, split: SplitInstruction): string {
  return split.keyword + trimEnd(text.slice(split.written.offset + split.written.text.length));
}

/** The bodies below the line, for the instructions that may have some, in shell form. */
function readHeredocs(parser: Parser, line: LogicalLine, split: SplitInstruction): readonly Heredoc[] {
  const inner =
    split.keyword === 'ONBUILD' ? splitInstruction(line.text, parser.escape, split.rest.offset) : split;
  if (inner.keyword !== 'RUN' && inner.keyword !== 'COPY' && inner.keyword !== 'ADD') return [];
  if (jsonStrings(inner.rest.text) !== undefined) return [];
  return heredocsOfLine(line.text).map((word) => {
    const heredoc = parser.reader.readBody(word);
    if (heredoc !== undefined) return heredoc;
    throw syntaxError(
      `unterminated heredoc ${quote(word.name)}`,
      `end it with a line that is exactly ${word.name}`,
      word.name,
    );
  });
}

function parseInstruction(source: InstructionSource): Parsed {
  if (source.keyword === 'FROM') return { kind: 'from', ...parseFrom(source) };
  return { kind: 'stage', instruction: parseStageInstruction(source) };
}
