import { heredocAlone, shebangScript, shellScript } from '../../dockerfile/index.ts';
import type { Command, RunInstruction } from '../../dockerfile/types.ts';
import { sandboxHostname } from '../builder-args.ts';
import { formatEnvironment, withVariables } from '../environment.ts';
import { withHistory, type StageContext, type StageState } from '../stage.ts';
import { nextStep } from '../steps.ts';
import type { PlannedDevice, PlannedMount, PlanOptions, RunNetwork } from '../types.ts';
import { nameOf } from '../words.ts';
import { proxyArgs } from './arg.ts';
import { planMounts } from './run-mounts.ts';

export const defaultShell: readonly string[] = ['/bin/sh', '-c'];

export async function applyRun(
  context: StageContext,
  state: StageState,
  instruction: RunInstruction,
): Promise<StageState> {
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
      network: networkOf(instruction, context.options),
      security: instruction.security ?? 'sandbox',
      devices: instruction.devices.map(parseDevice),
      hostname: sandboxHostname(context.options.buildArgs),
      extraHosts: context.options.extraHosts,
      mounts,
      given: context.options.given,
      platform: state.platform,
      display: argv.join(' '),
    },
    inputs: [state.step, ...sources],
    text: runName(context, state, instruction, mounts),
    at: instruction.range,
  });
  return withHistory({ ...state, step }, `RUN ${shownArgs(state)}${argv.join(' ')} # buildkit`, 'layer');
}

/** `default` is what the user chose for all steps: a Dockerfile cannot get back the network that was taken from it. */
function networkOf({ network = 'default' }: RunInstruction, options: PlanOptions): RunNetwork {
  return network === 'default' ? options.network : network;
}

/** `name[,required[=bool]]` or `name=…`, as the reader has checked it. */
function parseDevice(text: string): PlannedDevice {
  let device: PlannedDevice = { name: '', required: false };
  for (const field of text.split(',').map((quoted) => quoted.replace(/^"|"$/g, ''))) {
    const required = /^required(?:=(.*))?$/i.exec(field);
    device =
      required === null
        ? { ...device, name: field.replace(/^name=/i, '') }
        : { ...device, required: /^(?:true|[1t])$/i.test(required[1] ?? 'true') };
  }
  return device;
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
