import { constants } from 'node:os';
import { posix } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import { shellScript } from '../../dockerfile/index.ts';
import type {
  CmdInstruction,
  Command,
  EntrypointInstruction,
  EnvInstruction,
  ExposeInstruction,
  HealthcheckInstruction,
  LabelInstruction,
  OnbuildInstruction,
  StopsignalInstruction,
  UserInstruction,
  VolumeInstruction,
  WorkdirInstruction,
} from '../../dockerfile/types.ts';
import type { Healthcheck } from '../../oci/types.ts';
import { formatEnvironment, parseEnvironment, withVariables } from '../environment.ts';
import { goDuration, goQuotedList } from '../go-text.ts';
import { withConfig, withHistory, type StageContext, type StageState } from '../stage.ts';
import { nextStep } from '../steps.ts';
import { expand, expandToWords, nameOf } from '../words.ts';
import { parsePorts } from './ports.ts';
import { defaultShell } from './run.ts';

/** All words see the environment before the instruction (L-065). */
export function applyEnv(context: StageContext, state: StageState, instruction: EnvInstruction): StageState {
  const pairs = expandPairs(context, state, instruction.pairs);
  const config = withVariables(parseEnvironment(state.config.Env ?? []), pairs);
  const next = { ...state, environment: withVariables(state.environment, pairs) };
  const shown = pairs.map(([name, value]) => `${name}=${value}`).join(' ');
  return withHistory(withConfig(next, { Env: formatEnvironment(config) }), `ENV ${shown}`, 'empty');
}

export function applyLabel(
  context: StageContext,
  state: StageState,
  instruction: LabelInstruction,
): StageState {
  const pairs = expandPairs(context, state, instruction.pairs);
  const labels = { ...state.config.Labels, ...Object.fromEntries(pairs) };
  const shown = pairs.map(([name, value]) => `${name}=${value}`).join(' ');
  return withHistory(withConfig(state, { Labels: labels }), `LABEL ${shown}`, 'empty');
}

function expandPairs(
  context: StageContext,
  state: StageState,
  pairs: readonly { readonly name: string; readonly value: string }[],
): readonly (readonly [string, string])[] {
  return pairs.map(
    ({ name, value }) => [expand(context, state, name), expand(context, state, value)] as const,
  );
}

/** Relative paths join the one before; the folder is made by a step of its own (L-198). */
export function applyWorkdir(
  context: StageContext,
  state: StageState,
  instruction: WorkdirInstruction,
): StageState {
  const path = posix.resolve('/', state.config.WorkingDir ?? '/', expand(context, state, instruction.path));
  const next = withConfig(state, { WorkingDir: path });
  if (path === '/') return withHistory(next, 'WORKDIR /', 'empty');
  const step = nextStep(context, {
    op: { kind: 'workdir', path, user: state.config.User ?? '', time: epochOf(context) },
    inputs: [state.step],
    text: nameOf(context, state, instruction.text),
    at: instruction.range,
  });
  return withHistory({ ...next, step }, `WORKDIR ${path}`, 'layer');
}

/** What is no number of seconds is told of where it counts for the image. */
function epochOf({ options, globals }: StageContext): number | undefined {
  const name = 'SOURCE_DATE_EPOCH';
  const text = options.buildArgs.get(name) ?? globals.get(name) ?? '';
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

export function applyUser(
  context: StageContext,
  state: StageState,
  instruction: UserInstruction,
): StageState {
  const user = expand(context, state, instruction.user);
  return withHistory(withConfig(state, { User: user }), `USER ${user}`, 'empty');
}

export function applyCmd(state: StageState, instruction: CmdInstruction): StageState {
  const argv = commandArgv(state, instruction.command);
  // Docker marks every CMD as escaped: Windows' reading of it, harmless elsewhere, and part of the config's bytes.
  const next = withConfig({ ...state, cmdSet: true }, { Cmd: argv, ArgsEscaped: true });
  return withHistory(next, `CMD ${goQuotedList(argv)}`, 'empty');
}

/** An ENTRYPOINT makes an inherited CMD meaningless and drops it, not one of this stage (L-191). */
export function applyEntrypoint(state: StageState, instruction: EntrypointInstruction): StageState {
  const argv = commandArgv(state, instruction.command);
  const next = withConfig(state, { Entrypoint: argv, ...(state.cmdSet ? {} : { Cmd: undefined }) });
  return withHistory(next, `ENTRYPOINT ${goQuotedList(argv)}`, 'empty');
}

function commandArgv(state: StageState, command: Command): readonly string[] {
  return command.form === 'exec'
    ? command.argv
    : [...(state.config.Shell ?? defaultShell), shellScript(command)];
}

export function applyExpose(
  context: StageContext,
  state: StageState,
  instruction: ExposeInstruction,
): StageState {
  const words = [...instruction.ports].sort(); // as written, before variables bring in others (L-195)
  const ports = parsePorts(words.flatMap((word) => expandToWords(context, state, word)));
  const all = [...new Set([...Object.keys(state.config.ExposedPorts ?? {}), ...ports])].sort();
  const next = withConfig(state, { ExposedPorts: Object.fromEntries(all.map((port) => [port, {}])) });
  return withHistory(next, `EXPOSE [${ports.join(' ')}]`, 'empty');
}

export function applyVolume(
  context: StageContext,
  state: StageState,
  instruction: VolumeInstruction,
): StageState {
  const paths = instruction.paths.map((path) => expand(context, state, path));
  if (paths.some((path) => path === ''))
    throw new TsbuildError('DOCKERFILE_INVALID', 'VOLUME specified can not be an empty string', {
      hint: 'a variable in it is not set, or empty',
    });
  const all = [...new Set([...Object.keys(state.config.Volumes ?? {}), ...paths])].sort();
  const next = withConfig(state, { Volumes: Object.fromEntries(all.map((path) => [path, {}])) });
  return withHistory(next, `VOLUME [${paths.join(' ')}]`, 'empty');
}

/** Validated, stored as written (L-200). */
export function applyStopsignal(
  context: StageContext,
  state: StageState,
  instruction: StopsignalInstruction,
): StageState {
  const signal = expand(context, state, instruction.signal);
  const name = signal.toUpperCase().replace(/^(?!SIG)/, 'SIG');
  const known = Object.hasOwn(constants.signals, name) || /^SIGRTM(IN|AX)([+-]\d+)?$/.test(name);
  const number = /^\d+$/.test(signal) && Number(signal) >= 1 && Number(signal) <= 64;
  if (!known && !number) {
    throw new TsbuildError('DOCKERFILE_INVALID', `invalid signal: ${signal}`, {
      hint: 'a name such as SIGTERM, or a number from 1 to 64',
      fault: signal,
    });
  }
  return withHistory(withConfig(state, { StopSignal: signal }), `STOPSIGNAL ${signal}`, 'empty');
}

export function applyShell(state: StageState, argv: readonly string[]): StageState {
  return withHistory(withConfig(state, { Shell: argv }), `SHELL [${argv.join(' ')}]`, 'empty');
}

/** Unset values stay out of the config: the runtime's defaults (L-201). */
export function applyHealthcheck(state: StageState, instruction: HealthcheckInstruction): StageState {
  const check: Healthcheck = {
    Test: healthTest(instruction.test),
    ...present('Interval', instruction.interval),
    ...present('Timeout', instruction.timeout),
    ...present('StartPeriod', instruction.startPeriod),
    ...present('StartInterval', instruction.startInterval),
    ...present('Retries', instruction.retries),
  };
  return withHistory(withConfig(state, { Healthcheck: check }), healthHistory(check), 'empty');
}

function healthHistory(check: Healthcheck): string {
  const times = {
    Interval: check.Interval,
    Timeout: check.Timeout,
    StartPeriod: check.StartPeriod,
    StartInterval: check.StartInterval,
  };
  const fields = Object.entries(times).map(([name, value]) => `${name}:${goDuration(value ?? 0)}`);
  return `HEALTHCHECK {Test:[${(check.Test ?? []).join(' ')}] ${fields.join(' ')} Retries:${check.Retries ?? 0}}`;
}

function healthTest(test: HealthcheckInstruction['test']): readonly string[] {
  switch (test.form) {
    case 'none':
      return ['NONE'];
    case 'exec':
      return ['CMD', ...test.argv];
    case 'shell':
      return ['CMD-SHELL', shellScript(test)];
  }
}

function present<K extends string>(key: K, value: number | undefined): { readonly [P in K]?: number } {
  if (value === undefined || value === 0) return {};
  return { [key]: value } as { readonly [P in K]?: number };
}

/** Alone among the instructions it leaves no history: BuildKit gives it none (L-204). */
export function applyOnbuild(state: StageState, instruction: OnbuildInstruction): StageState {
  return withConfig(state, { OnBuild: [...(state.config.OnBuild ?? []), instruction.trigger] });
}
