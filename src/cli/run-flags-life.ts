import type { Command } from 'commander';

import { TsbuildError } from '../core/index.ts';
import { parseDuration } from '../dockerfile/index.ts';
import type { ContainerOptions, HealthCheck, RestartPolicy } from '../ops/index.ts';
import { parseBytes } from '../runtime/index.ts';
import { collect } from './command.ts';
import { parseDetachKeys } from './detach-keys.ts';
import { parseLabels, readPairs } from './run-values.ts';

export interface LifeFlags {
  readonly rm?: boolean;
  readonly restart?: string;
  readonly stopSignal?: string;
  readonly stopTimeout?: string;
  readonly init?: boolean;
  readonly label?: readonly string[];
  readonly labelFile?: readonly string[];
  readonly annotation?: readonly string[];
  readonly oomScoreAdj?: string;
  readonly logOpt?: readonly string[];
  readonly detachKeys?: string;
  readonly healthCmd?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthStartPeriod?: string;
  readonly healthStartInterval?: string;
  readonly healthRetries?: string;
  /** False: `--no-healthcheck`. */
  readonly healthcheck: boolean;
}

export function addLifeOptions(command: Command): Command {
  return command
    .option('--rm', 'remove the container, and the volumes of its own, when it ends')
    .option(
      '--restart <policy>',
      'start it again when it ends: no, always, unless-stopped, on-failure[:times] (default: no)',
    )
    .option('--init', 'a small first process before the command, which ends what others leave behind')
    .option('--stop-signal <signal>', "signal that asks it to stop (default: the image's, or TERM)")
    .option('--stop-timeout <seconds>', 'how long it may take to stop (default: 10)')
    .option('-l, --label <name[=value]>', 'label of the container; repeatable', collect)
    .option('--label-file <file>', 'file of such labels, one a line; repeatable', collect)
    .option('--annotation <name=value>', 'annotation of the runtime configuration; repeatable', collect)
    .option('--oom-score-adj <number>', 'whom the kernel ends first without memory, from -1000 to 1000')
    .option('--log-opt <name=value>', 'max-size= or max-file= of its log; repeatable', collect)
    .option('--detach-keys <keys>', 'keys that leave its terminal, as ctrl-p,ctrl-q')
    .option('--health-cmd <line>', 'shell line that finds out whether it works')
    .option('--health-interval <time>', 'between two checks, as 30s')
    .option('--health-timeout <time>', 'how long a check may take')
    .option('--health-start-period <time>', 'how long failures do not count')
    .option('--health-start-interval <time>', 'between two checks until then')
    .option('--health-retries <number>', 'failures in a row that make it unhealthy')
    .option('--no-healthcheck', 'no checks, whatever the image says');
}

type LifeChoices = Pick<
  ContainerOptions,
  | 'autoRemove'
  | 'restart'
  | 'stopSignal'
  | 'stopTimeout'
  | 'init'
  | 'labels'
  | 'annotations'
  | 'oomScoreAdj'
  | 'logOptions'
  | 'detachKeys'
  | 'healthCheck'
>;

/** Throws USAGE. */
export async function lifeOf(flags: LifeFlags): Promise<LifeChoices> {
  const { signalNumber } = await import('../ops/index.ts');
  const restart = flags.restart === undefined ? undefined : parseRestart(flags.restart);
  if (flags.rm === true && restart !== undefined && restart.name !== 'no') {
    throw new TsbuildError('USAGE', '--rm cannot be combined with --restart', {
      hint: 'a container that is removed when it ends is not started again',
    });
  }
  const number = (name: string, text: string | undefined, range: readonly [number, number]) =>
    text === undefined ? undefined : wholeNumber(name, text, range);
  return {
    autoRemove: flags.rm === true,
    restart,
    stopSignal: flags.stopSignal === undefined ? undefined : signalNumber(flags.stopSignal),
    stopTimeout: number('--stop-timeout', flags.stopTimeout, [-1, 999_999]),
    init: flags.init === true,
    labels: labelsOf([
      ...(flags.labelFile ?? []).flatMap((path) => readPairs('--label-file', path)),
      ...(flags.label ?? []),
    ]),
    annotations: annotationsOf(flags.annotation ?? []),
    oomScoreAdj: number('--oom-score-adj', flags.oomScoreAdj, [-1000, 1000]),
    logOptions: logOptionsOf(flags.logOpt ?? []),
    detachKeys: flags.detachKeys === undefined ? undefined : parseDetachKeys(flags.detachKeys),
    healthCheck: healthCheckOf(flags),
  };
}

function parseRestart(text: string): RestartPolicy {
  const [, name, retries] = /^([a-z-]+)(?::(\d{1,9}))?$/.exec(text) ?? [];
  if (name === 'on-failure')
    return { name, ...(retries !== undefined && retries !== '0' && { retries: Number(retries) }) };
  if ((name === 'no' || name === 'always' || name === 'unless-stopped') && retries === undefined)
    return { name };
  throw invalid('--restart', text, 'one of no, always, unless-stopped and on-failure[:times]');
}

function labelsOf(texts: readonly string[]): Readonly<Record<string, string>> | undefined {
  return texts.length === 0 ? undefined : parseLabels('--label', texts);
}

function annotationsOf(texts: readonly string[]): Readonly<Record<string, string>> | undefined {
  const pairs = texts.map((text) => pairOf('--annotation', text));
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

function pairOf(flag: string, text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw invalid(flag, text, 'name=value');
  return [text.slice(0, equals), text.slice(equals + 1)];
}

const defaultLog = { maxSize: 10 * 1024 * 1024, maxFiles: 3 };

function logOptionsOf(texts: readonly string[]): LifeChoices['logOptions'] {
  if (texts.length === 0) return undefined;
  return texts.reduce((options, text) => {
    const [name, value] = pairOf('--log-opt', text);
    if (name === 'max-size') return { ...options, maxSize: parseBytes('--log-opt max-size', value) };
    if (name === 'max-file')
      return { ...options, maxFiles: wholeNumber('--log-opt max-file', value, [1, 1000]) };
    throw invalid('--log-opt', text, 'max-size=SIZE or max-file=NUMBER');
  }, defaultLog);
}

function healthCheckOf(flags: LifeFlags): Partial<HealthCheck> | 'none' | undefined {
  const { healthCmd, healthRetries } = flags;
  const time = (name: keyof LifeFlags & `health${string}`, flag: string, least: number) => {
    const text = flags[name];
    return typeof text === 'string' ? milliseconds(flag, text, least) : undefined;
  };
  const check = {
    test: healthCmd === undefined ? undefined : healthCmd === '' ? [] : ['CMD-SHELL', healthCmd],
    interval: time('healthInterval', '--health-interval', 1),
    timeout: time('healthTimeout', '--health-timeout', 1),
    startPeriod: time('healthStartPeriod', '--health-start-period', 0),
    startInterval: time('healthStartInterval', '--health-start-interval', 1),
    retries:
      healthRetries === undefined ? undefined : wholeNumber('--health-retries', healthRetries, [1, 100_000]),
  };
  const given = Object.fromEntries(Object.entries(check).filter(([, value]) => value !== undefined));
  if (flags.healthcheck) return Object.keys(given).length === 0 ? undefined : given;
  if (Object.keys(given).length === 0) return 'none';
  throw new TsbuildError('USAGE', '--no-healthcheck cannot be combined with the --health- flags');
}

/** docker's limits: shorter checks would be all that the machine does. */
function milliseconds(flag: string, text: string, least: number): number {
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined || nanoseconds < least * 1e6)
    throw invalid(flag, text, 'a time such as 30s, 1m30s or 500ms');
  return nanoseconds / 1e6;
}

function wholeNumber(flag: string, text: string, [least, most]: readonly [number, number]): number {
  const value = /^-?\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw invalid(flag, text, `a whole number from ${least} to ${most}`);
}

function invalid(flag: string, text: string, expected: string): TsbuildError {
  return new TsbuildError('USAGE', `${flag}: invalid value ${JSON.stringify(text)}`, {
    hint: `expected ${expected}`,
  });
}
