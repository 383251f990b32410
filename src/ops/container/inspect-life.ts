import type { Json } from '../../core/index.ts';
import { signalName } from './signals.ts';
import type { ContainerRecord, ContainerState, Health, HealthCheck } from './types.ts';

/** What Go prints for a time that is none; scripts parse it. */
const noTime = '0001-01-01T00:00:00Z';

/** docker's `State`. */
export function stateOf(state: ContainerState): Json {
  const running = state.status === 'running' ? state : undefined;
  const paused = running?.paused ?? false;
  return {
    Status: paused ? 'paused' : state.status,
    Running: running !== undefined || state.status === 'restarting',
    Paused: paused,
    Restarting: state.status === 'restarting',
    OOMKilled: state.status === 'exited' && (state.outOfMemory ?? false),
    Dead: state.status === 'dead',
    Pid: running?.pid ?? 0,
    ExitCode: exitCodeOf(state),
    Error: 'error' in state ? (state.error ?? '') : '',
    StartedAt: ('started' in state ? state.started : undefined) ?? noTime,
    FinishedAt: ('finished' in state ? state.finished : undefined) ?? noTime,
    ...(running?.health !== undefined && { Health: healthOf(running.health) }),
  };
}

function exitCodeOf(state: ContainerState): number {
  // Its launcher kills it with SIGKILL when the monitor is gone.
  if (state.status === 'dead') return 137;
  return ('exitCode' in state ? state.exitCode : undefined) ?? 0;
}

function healthOf({ status, failingStreak, log }: Health): Json {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map(({ start, end, exitCode, output }) => ({
      Start: start,
      End: end,
      ExitCode: exitCode,
      Output: output,
    })),
  };
}

/** Members of docker's `Config`. */
export function lifeConfigOf(record: ContainerRecord): Readonly<Record<string, Json>> {
  const { healthCheck, stopTimeout, labels = {} } = record;
  return {
    Labels: { ...labels },
    StopSignal: signalName(record.stopSignal),
    ...(stopTimeout !== undefined && { StopTimeout: stopTimeout }),
    ...(healthCheck !== undefined && { Healthcheck: checkJson(healthCheck) }),
  };
}

/** Nanoseconds, as docker has them. */
function checkJson(check: HealthCheck): Json {
  const { test, interval, timeout, startPeriod, startInterval, retries } = check;
  return {
    Test: [...test],
    Interval: interval * 1e6,
    Timeout: timeout * 1e6,
    StartPeriod: startPeriod * 1e6,
    StartInterval: startInterval * 1e6,
    Retries: retries,
  };
}

/** Members of docker's `HostConfig`. */
export function lifeHostConfigOf({ restart, logOptions }: ContainerRecord): Readonly<Record<string, Json>> {
  const retries = restart?.name === 'on-failure' ? (restart.retries ?? 0) : 0;
  return {
    RestartPolicy: { Name: restart?.name ?? 'no', MaximumRetryCount: retries },
    LogConfig: {
      Type: 'json-file',
      Config:
        logOptions === undefined
          ? {}
          : { 'max-size': String(logOptions.maxSize), 'max-file': String(logOptions.maxFiles) },
    },
  };
}
