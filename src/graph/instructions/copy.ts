import { posix } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import { expandHeredoc } from '../../dockerfile/index.ts';
import type { AddInstruction, CopyInstruction, Heredoc } from '../../dockerfile/types.ts';
import { unsupported } from '../place.ts';
import { requestOf, withHistory, type StageContext, type StageState } from '../stage.ts';
import { nextStep } from '../steps.ts';
import { mainContext, type CopyOrigin, type CopyStep, type Step } from '../types.ts';
import { expand, nameOf } from '../words.ts';

const url = /^(https?|ftp):\/\//i;
/** `git@host:path` too; a folder `x.git` of the context is none. */
const gitReference = /^((git|ssh):\/\/|[\w.-]+@[\w.-]+:|https?:\/\/[^#?]*\.git([#?].*)?$)/i;

export async function applyCopy(
  context: StageContext,
  state: StageState,
  instruction: CopyInstruction | AddInstruction,
): Promise<StageState> {
  const word = (text: string): string => expand(context, state, text);
  const maybe = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : word(text);
  const written = instruction.sources.flatMap((source) =>
    source.kind === 'path' ? [word(source.path)] : [],
  );
  const heredocs = instruction.sources.flatMap((source) =>
    source.kind === 'heredoc' ? [source.heredoc] : [],
  );
  refuse(instruction, written);

  const from = instruction.kind === 'copy' ? instruction.from : undefined;
  const source = from === undefined ? undefined : await context.source(from, requestOf(context, instruction));
  const destination = word(instruction.destination);
  requireFolder(instruction, written.length + heredocs.length, destination);
  const op: CopyStep = {
    kind: 'copy',
    instruction: instruction.kind === 'copy' ? 'COPY' : 'ADD',
    origins: originsOf(
      written,
      source !== undefined,
      instruction.kind === 'add' && instruction.unpack !== false,
    ),
    files: heredocs.map((heredoc) => ({ name: heredoc.name, content: heredocContent(state, heredoc) })),
    destination: absoluteDestination(state, destination),
    chown: maybe(instruction.chown),
    chmod: maybe(instruction.chmod),
    parents: false,
    exclude: instruction.exclude,
  };
  const inputs: Step[] = source === undefined ? [state.step] : [state.step, source];
  const text = nameOf(context, state, instruction.text);
  const step = nextStep(context, { op, inputs, text, at: instruction.range });
  return withHistory({ ...state, step }, historyText(op, { from, heredocs, destination }), 'layer');
}

function originsOf(paths: readonly string[], fromInput: boolean, unpack: boolean): readonly CopyOrigin[] {
  if (fromInput) return [{ kind: 'input', input: 1, paths, unpack }];
  return paths.length === 0 ? [] : [{ kind: 'context', name: mainContext, paths, unpack }];
}

function heredocContent(state: StageState, heredoc: Heredoc): string {
  if (!heredoc.expand) return heredoc.content;
  return expandHeredoc(heredoc.content, (name) => state.environment.get(name)).value;
}

/** Trailing slash kept: it says that the destination is a folder (L-164). */
function absoluteDestination(state: StageState, destination: string): string {
  const folder = /(^|\/)\.?$/.test(destination) ? '/' : '';
  const absolute = posix.resolve('/', state.config.WorkingDir ?? '/', destination);
  return absolute === '/' ? '/' : absolute + folder;
}

/** Several sources into one file would silently keep only the last (L-165). */
function requireFolder(
  instruction: CopyInstruction | AddInstruction,
  sources: number,
  destination: string,
): void {
  if (sources < 2 || /(^|\/)\.{0,2}$/.test(destination)) return;
  const name = instruction.kind.toUpperCase();
  throw new TsbuildError(
    'DOCKERFILE_INVALID',
    `${name} of ${sources} sources needs a folder as destination`,
    {
      hint: `end the destination with a slash: ${destination}/`,
    },
  );
}

/** `COPY --from=x --chown=… src… dest # buildkit`, flags in BuildKit's order (L-181). */
function historyText(
  op: CopyStep,
  written: {
    readonly from: string | undefined;
    readonly heredocs: readonly Heredoc[];
    readonly destination: string;
  },
): string {
  const flags = [
    ...(op.chown === undefined ? [] : [`--chown=${op.chown}`]),
    ...(op.chmod === undefined ? [] : [`--chmod=${op.chmod}`]),
  ];
  const sources = [
    ...op.origins.flatMap(({ paths }) => paths),
    ...written.heredocs.map((heredoc) => `<<${heredoc.name}`),
  ];
  return [op.instruction, ...flags, ...sources, written.destination, '# buildkit'].join(' ');
}

function refuse(instruction: CopyInstruction | AddInstruction, sources: readonly string[]): void {
  const name = instruction.kind.toUpperCase();
  const remote = sources.find((source) => url.test(source) || gitReference.test(source));
  if (instruction.kind === 'copy') {
    if (remote !== undefined) {
      const what = gitReference.test(remote) ? 'a git ref' : 'a URL';
      throw new TsbuildError('DOCKERFILE_INVALID', `source can't be ${what} for COPY: ${remote}`, {
        hint: 'use ADD for remote sources',
      });
    }
    if (instruction.parents) throw unsupported('COPY --parents');
  } else {
    if (remote !== undefined)
      throw unsupported(
        `ADD of a remote source (${remote})`,
        'fetch it in a RUN step, or beside the Dockerfile',
      );
    if (instruction.checksum !== undefined) throw unsupported('ADD --checksum');
    if (instruction.keepGitDir === true) throw unsupported('ADD --keep-git-dir');
  }
  if (instruction.link) throw unsupported(`${name} --link`, 'leave --link out: the files are the same');
}
