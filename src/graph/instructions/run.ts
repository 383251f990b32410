import { posix } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import { heredocAlone, shebangScript, resolveMount, shellScript } from '../../dockerfile/index.ts';
import type { Command, RunInstruction, RunMount } from '../../dockerfile/types.ts';
import { formatEnvironment, withVariables } from '../environment.ts';
import { unsupported } from '../place.ts';
import { requestOf, withHistory, type StageContext, type StageState } from '../stage.ts';
import { nextStep } from '../steps.ts';
import type { PlannedMount, Step } from '../types.ts';
import { expand, nameOf } from '../words.ts';
import { proxyArgs } from './arg.ts';

/** What BuildKit calls a step's host; a name of the real host would make layers differ between machines. */
const sandboxHostname = 'buildkitsandbox';

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
      proxyEnv: proxyEnvironment(context, state),
      cwd:
        state.config.WorkingDir === undefined || state.config.WorkingDir === ''
          ? '/'
          : state.config.WorkingDir,
      user: state.config.User ?? '',
      network: instruction.network ?? context.options.network,
      security: instruction.security ?? 'sandbox',
      devices: [],
      hostname: sandboxHostname,
      extraHosts: context.options.extraHosts,
      mounts,
      platform: state.platform,
      display: argv.join(' '),
    },
    inputs: [state.step, ...sources],
    text: runName(context, state, instruction, mounts),
    at: instruction.range,
  });
  return withHistory({ ...state, step }, `RUN ${shownArgs(state)}${argv.join(' ')} # buildkit`, 'layer');
}

/** `|2 A=1 B= `: every ARG declared so far, with the value that the command sees (L-084). */
function shownArgs({ args, environment }: StageState): string {
  if (args.size === 0) return '';
  const shown = [...args].map(([name, value]) => `${name}=${environment.get(name) ?? value}`);
  return `|${args.size} ${shown.join(' ')} `;
}

/** For progress: variables of secrets stay hidden, and a heredoc that stands alone shows how it begins (L-070). */
function runName(
  context: StageContext,
  state: StageState,
  instruction: RunInstruction,
  mounts: readonly PlannedMount[],
): string {
  const secrets = mounts.flatMap(({ type, env }) => (type === 'secret' && env !== undefined ? [env] : []));
  const masked = withVariables(
    state.environment,
    secrets.map((name) => [name, '****'] as const),
  );
  const name = nameOf(context, { environment: masked }, instruction.text);
  const { command } = instruction;
  const alone = command.form === 'shell' ? heredocAlone(command) : undefined;
  if (alone === undefined) return name;
  const [first = '', ...more] = alone.content.trim().split(/\r?\n/);
  return `${name} (${first}${more.length > 0 ? '...' : ''})`;
}

/** Shell form is one string for SHELL; a lone heredoc is its body, or an executable when it starts with `#!` (L-045). */
function runArgv(
  state: StageState,
  command: Command,
): { argv: readonly string[]; script?: { name: string; content: string } } {
  if (command.form === 'exec') return { argv: command.argv };
  const lone = shebangScript(command);
  if (lone !== undefined) {
    return { argv: [`/dev/pipes/${lone.name}`], script: { name: lone.name, content: lone.content } };
  }
  return { argv: [...(state.config.Shell ?? defaultShell), shellScript(command)] };
}

/** Given in one case they are seen in both; what the stage itself sets stands in its environment and wins (L-088). */
function proxyEnvironment(context: StageContext, state: StageState): readonly string[] {
  const given = context.options.buildArgs;
  return proxyArgs.flatMap((name) => {
    const value = given.get(name) ?? given.get(otherCase(name)) ?? '';
    return value === '' || state.environment.has(name) ? [] : [`${name}=${value}`];
  });
}

function otherCase(name: string): string {
  return name === name.toUpperCase() ? name.toLowerCase() : name.toUpperCase();
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
      sources.push(await context.source(mount.from, requestOf(context, instruction)));
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
