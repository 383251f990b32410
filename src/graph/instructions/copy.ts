import { posix } from 'node:path';

import { redactUrl, TsbuildError } from '../../core/index.ts';
import { expandHeredoc } from '../../dockerfile/index.ts';
import type { AddInstruction, CopyInstruction, Heredoc } from '../../dockerfile/types.ts';
import { scratchStep } from '../source-steps.ts';
import { withHistory, type StageContext, type StageState } from '../stage.ts';
import { nextLinkedStep, nextStep } from '../steps.ts';
import type { CopyStep } from '../types.ts';
import { expand, nameOf } from '../words.ts';
import { addSources, copySources, type CopyRequest } from './copy-sources.ts';

export async function applyCopy(
  context: StageContext,
  state: StageState,
  instruction: CopyInstruction | AddInstruction,
): Promise<StageState> {
  const request = expandRequest(context, state, instruction);
  const { paths, heredocs, destination, chown, chmod } = request;
  requireFolder(instruction, paths.length + heredocs.length, destination);
  const { origins, inputs } =
    instruction.kind === 'copy'
      ? await copySources(context, instruction, request)
      : addSources(context, instruction, request);
  const op: CopyStep = {
    kind: 'copy',
    instruction: instruction.kind === 'copy' ? 'COPY' : 'ADD',
    origins,
    files: heredocs.map((heredoc) => ({ name: heredoc.name, content: heredocContent(state, heredoc) })),
    destination: absoluteDestination(state, destination),
    chown,
    chmod,
    parents: instruction.kind === 'copy' && instruction.parents,
    exclude: instruction.exclude,
  };
  const text = redactUrl(nameOf(context, state, instruction.text));
  const at = instruction.range;
  const step = isLinked(instruction, op)
    ? nextLinkedStep(context, { op, inputs: [scratchStep(), ...inputs], text, at }, state.step)
    : nextStep(context, { op, inputs: [state.step, ...inputs], text, at });
  return withHistory({ ...state, step }, historyText(op, request), 'layer');
}

function expandRequest(
  context: StageContext,
  state: StageState,
  instruction: CopyInstruction | AddInstruction,
): CopyRequest {
  const word = (text: string): string => expand(context, state, text);
  const flag = (text: string | undefined): string | undefined => {
    const value = text === undefined ? '' : word(text);
    return value === '' ? undefined : value;
  };
  return {
    paths: instruction.sources.flatMap((source) => (source.kind === 'path' ? [word(source.path)] : [])),
    heredocs: instruction.sources.flatMap((source) => (source.kind === 'heredoc' ? [source.heredoc] : [])),
    destination: word(instruction.destination),
    chown: flag(instruction.chown),
    chmod: flag(instruction.chmod),
    checksum: instruction.kind === 'add' ? flag(instruction.checksum) : undefined,
  };
}

/**
 * Without effect beside --chmod, as in BuildKit. A name in --chown can be looked up in the files of the stage alone, which
 * a step that is independent of them does not see.
 */
function isLinked({ link }: CopyInstruction | AddInstruction, { chown, chmod }: CopyStep): boolean {
  return link && chmod === undefined && (chown === undefined || /^\d+(:\d+)?$/.test(chown));
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

/** Several sources into one file would silently keep only the last (L-165); with --parents each keeps its path. */
function requireFolder(
  instruction: CopyInstruction | AddInstruction,
  sources: number,
  destination: string,
): void {
  if (sources < 2 || /(^|\/)\.{0,2}$/.test(destination)) return;
  if (instruction.kind === 'copy' && instruction.parents) return;
  const name = instruction.kind.toUpperCase();
  throw new TsbuildError(
    'DOCKERFILE_INVALID',
    `${name} of ${sources} sources needs a folder as destination`,
    {
      hint: `end the destination with a slash: ${destination}/`,
      fault: destination,
    },
  );
}

/** `COPY --parents --chown=… --chmod=… src… dest # buildkit`, flags in BuildKit's order (L-181). */
function historyText(op: CopyStep, { paths, heredocs, destination }: CopyRequest): string {
  const flags = [
    ...(op.parents ? ['--parents'] : []),
    ...(op.chown === undefined ? [] : [`--chown=${op.chown}`]),
    ...(op.chmod === undefined ? [] : [`--chmod=${op.chmod}`]),
  ];
  // Histories travel with the image: what a URL says about its user stays here.
  const sources = [...paths.map(redactUrl), ...heredocs.map((heredoc) => `<<${heredoc.name}`)];
  return [op.instruction, ...flags, ...sources, destination, '# buildkit'].join(' ');
}
