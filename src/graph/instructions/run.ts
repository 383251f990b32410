import { posix } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import { heredocAlone, resolveMount, shellScript } from '../../dockerfile/index.ts';
import type { Command, RunInstruction, RunMount } from '../../dockerfile/types.ts';
import { formatEnvironment } from '../environment.ts';
import { unsupported } from '../place.ts';
import { withHistory, type StageContext, type StageState } from '../stage.ts';
import { nextStep } from '../steps.ts';
import type { PlannedMount, Step } from '../types.ts';
import { expand } from '../words.ts';
import { proxyArgs } from './arg.ts';

export const defaultShell: readonly string[] = ['/bin/sh', '-c'];

export async function applyRun(
  context: StageContext,
  state: StageState,
  instruction: RunInstruction,
): Promise<StageState> {
  refuseUnsupported(instruction);
  const { argv, script } = runArgv(state, instruction.command);
  const { mounts, sources } = await planMounts(context, state, instruction);
  const step = nextStep(context, {
    op: {
      kind: 'run',
      argv,
      script,
      env: formatEnvironment(state.environment),
      proxyEnv: undeclaredProxies(context, state),
      cwd:
        state.config.WorkingDir === undefined || state.config.WorkingDir === ''
          ? '/'
          : state.config.WorkingDir,
      user: state.config.User ?? '',
      network: instruction.network ?? context.options.network,
      mounts,
      platform: state.platform,
      display: argv.join(' '),
    },
    inputs: [state.step, ...sources],
    text: instruction.text,
    at: instruction.range,
  });
  const args = state.args.size === 0 ? '' : `|${state.args.size} ${formatEnvironment(state.args).join(' ')} `;
  return withHistory({ ...state, step }, `RUN ${args}${argv.join(' ')} # buildkit`, 'layer');
}

/** Shell form is one string for SHELL; a lone heredoc is its body, or an executable when it starts with `#!` (L-045). */
function runArgv(
  state: StageState,
  command: Command,
): { argv: readonly string[]; script?: { name: string; content: string } } {
  if (command.form === 'exec') return { argv: command.argv };
  const lone = heredocAlone(command);
  if (lone?.content.startsWith('#!') === true) {
    return { argv: [`/dev/pipes/${lone.name}`], script: { name: lone.name, content: lone.content } };
  }
  return { argv: [...(state.config.Shell ?? defaultShell), shellScript(command)] };
}

function undeclaredProxies(context: StageContext, state: StageState): readonly string[] {
  return proxyArgs
    .filter((name) => context.options.buildArgs.has(name) && !state.environment.has(name))
    .map((name) => `${name}=${context.options.buildArgs.get(name) ?? ''}`);
}

async function planMounts(
  context: StageContext,
  state: StageState,
  instruction: RunInstruction,
): Promise<{ mounts: readonly PlannedMount[]; sources: readonly Step[] }> {
  const sources: Step[] = [];
  const mounts: PlannedMount[] = [];
  for (const syntax of instruction.mounts) {
    const mount = resolveMount(syntax, (word) => expand(context, state, word));
    refuseUnsupportedMount(mount);
    const planned = planMount(state, mount);
    if (mount.from === undefined) {
      mounts.push(planned);
    } else {
      sources.push(await context.source(mount.from, instruction));
      mounts.push({ ...planned, input: sources.length });
    }
  }
  return { mounts, sources };
}

function planMount(state: StageState, mount: RunMount): PlannedMount {
  const id = mount.id ?? (mount.type === 'secret' ? mount.source : undefined);
  const target = mount.target ?? defaultTarget(mount, id);
  const absolute = posix.resolve('/', state.config.WorkingDir ?? '/', target);
  if (absolute === '/') {
    throw new TsbuildError('DOCKERFILE_INVALID', `invalid mount target ${JSON.stringify(target)}`, {
      hint: 'a mount cannot replace the root of the file system',
    });
  }
  const name = id ?? (mount.type === 'secret' ? posix.basename(absolute) : undefined);
  return { ...mount, id: name, target: absolute, targetGiven: mount.target !== undefined };
}

function defaultTarget(mount: RunMount, id: string | undefined): string {
  if (mount.type === 'secret' && id !== undefined) return `/run/secrets/${posix.basename(id)}`;
  throw new TsbuildError('DOCKERFILE_INVALID', `a ${mount.type} mount needs a target`, {
    hint: `write --mount=type=${mount.type},target=/path`,
  });
}

function refuseUnsupported(instruction: RunInstruction): void {
  if (instruction.security === 'insecure') throw unsupported('RUN --security=insecure');
  if (instruction.devices.length > 0) throw unsupported('RUN --device');
}

function refuseUnsupportedMount(mount: RunMount): void {
  if (mount.type === 'ssh' || mount.type === 'bind') throw unsupported(`RUN --mount=type=${mount.type}`);
  if (mount.from !== undefined) throw unsupported(`RUN --mount=type=${mount.type},from=`);
}
