import { posix } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import { resolveMount } from '../../dockerfile/index.ts';
import type { RunInstruction, RunMount } from '../../dockerfile/types.ts';
import { cacheId } from '../builder-args.ts';
import { localStep } from '../source-steps.ts';
import {
  requestOf,
  type FileSource,
  type SourceRequest,
  type StageContext,
  type StageState,
} from '../stage.ts';
import { mainContext, type PlannedMount, type Step } from '../types.ts';
import { expand } from '../words.ts';

/** Mounts in the order written, and the steps that their `input` names, from input 1 on. */
export async function planMounts(
  context: StageContext,
  state: StageState,
  instruction: RunInstruction,
): Promise<{ mounts: readonly PlannedMount[]; sources: readonly Step[] }> {
  const request = requestOf(context, instruction);
  const sources: Step[] = [];
  const mounts: PlannedMount[] = [];
  let sockets = 0;
  for (const syntax of instruction.mounts) {
    const mount = resolveMount(syntax, (word) => expand(context, state, word));
    const planned = planMount(context, state, { mount, sockets });
    if (mount.type === 'ssh') sockets++;
    const source = await sourceOf(context, mount, request);
    if (source === undefined) {
      mounts.push(planned);
      continue;
    }
    const path = posix.resolve('/', mount.source ?? '/');
    sources.push(
      source.kind === 'step' ? source.step : localStep({ context: source.name, path }, request.at),
    );
    mounts.push({ ...planned, source: path, input: sources.length });
  }
  return { mounts, sources };
}

/** A bind mount shows the context of the command line unless told otherwise, a cache begins empty. */
async function sourceOf(
  context: StageContext,
  { type, from }: RunMount,
  request: SourceRequest,
): Promise<FileSource | undefined> {
  if (from !== undefined) return context.source(from, request);
  return type === 'bind' ? { kind: 'context', name: mainContext } : undefined;
}

/** Ids and targets as BuildKit gives them to mounts that have none. */
function planMount(
  { options }: StageContext,
  state: StageState,
  { mount, sockets }: { readonly mount: RunMount; readonly sockets: number },
): PlannedMount {
  const written = mount.target ?? defaultTarget(mount, sockets);
  const target = posix.resolve('/', state.config.WorkingDir ?? '/', written);
  if (target === '/') {
    throw new TsbuildError('DOCKERFILE_INVALID', `invalid mount target ${JSON.stringify(written)}`, {
      hint: 'a mount cannot replace the root of the file system',
      fault: `target=${written}`,
    });
  }
  const id = mount.type === 'cache' ? cacheId(options.buildArgs, mount.id ?? cleanPath(written)) : mount.id;
  return {
    ...mount,
    id: mount.type === 'ssh' ? (id ?? 'default') : id,
    target,
    targetGiven: mount.target !== undefined,
  };
}

/** Other types have a target, or would not have been read. */
function defaultTarget({ type, id = '' }: RunMount, sockets: number): string {
  return type === 'ssh' ? `/run/buildkit/ssh_agent.${sockets}` : `/run/secrets/${posix.basename(id)}`;
}

/** As written: the same relative target is the same cache in every folder. */
function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, '$1');
}
