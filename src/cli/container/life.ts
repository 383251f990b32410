import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';

import { TsbuildError } from '../../core/index.ts';
import {
  connectContainer,
  containerFolder,
  discardContainer,
  readState,
  tryContainerLock,
  writeState,
  type ContainerRecord,
  type ContainerState,
  type Joined,
} from '../../ops/index.ts';
import {
  createRuntime,
  exitCodeOf,
  killedForMemory,
  startTicksOf,
  type Container,
  type ContainerSpec,
} from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import { printable } from '../terminal-text.ts';
import type { Attachments } from './attachments.ts';
import { ContainerControl } from './control.ts';
import { watchHealth } from './health.ts';
import { Restarts } from './restarts.ts';
import type { RunningState } from './running.ts';
import { refused, serveContainer } from './serve.ts';

export interface LifeHooks {
  /** As it runs here; the record's unless told. */
  readonly spec?: ContainerSpec | undefined;
  /** Where there are any, others can attach to it, and its restart policy counts. */
  readonly attachments?: Attachments | undefined;
  /** It is new and nobody has seen it: when it cannot be started, nothing of it stays. */
  readonly isNew: boolean;
  /** Aborted before it is attached to, it is not started: a hook of its own may take as long as it likes. */
  readonly interrupt?: AbortSignal | undefined;
  /**
   * It is set up, but does not run yet; `warnings` tells what it has to do without. What is returned is disposed of when
   * the program has ended.
   */
  attach(container: Container, warnings: readonly string[]): AsyncDisposable;
  /** Its program begins when this resolves. */
  readonly mayStart?: ((asked: Promise<unknown>) => Promise<unknown>) | undefined;
  /** The program runs. */
  readonly onStarted?: (() => void) | undefined;
}

/** A program that runs, and what is told about it. */
export interface RunningLife {
  readonly container: Container;
  isPaused(): boolean;
  /** Changes some of the state that other commands read. */
  note(changes: Partial<Pick<RunningState, 'paused' | 'health'>>): void;
}

interface Run extends LifeHooks {
  readonly store: Store;
  readonly record: ContainerRecord;
  readonly control: ContainerControl;
  /** Opens the socket by which other commands reach it, once. */
  readonly serve: () => Promise<unknown>;
  readonly restarts: number;
  readonly joined: Joined;
  readonly warnings: readonly string[];
}

/** What those who are attached are told beside the exit status: of its end, or what kept a program from running. */
type Told = { readonly warning?: string | undefined } | Omit<ReturnType<typeof refused>, 'ok'>;

interface Ended {
  readonly exitCode: number;
  readonly warning?: string | undefined;
  readonly outOfMemory?: boolean | undefined;
  readonly started: string;
  /** When its launcher and cgroups are. */
  readonly gone: Promise<void>;
}

/**
 * Runs a container from its first moment to its last, and gives its exit status: in the terminal of the command that
 * started it, or in a monitor's process. Throws what kept it from running.
 */
export async function liveContainer(
  store: Store,
  record: ContainerRecord,
  hooks: LifeHooks,
): Promise<number> {
  const { id, name } = record;
  await using lock = await tryContainerLock(store, id);
  if (lock === undefined) throw new TsbuildError('CONTAINER_STATE', `container ${name} is running already`);
  const control = new ContainerControl(record, hooks.attachments);
  await using sockets = new AsyncDisposableStack();
  let serving: Promise<unknown> | undefined;
  const serve = (): Promise<unknown> =>
    (serving ??= serveContainer(containerFolder(store, id), control).then((socket) => sockets.use(socket)));
  const before = readState(store, id);
  const tell = (exitCode: number, told?: Told): number => {
    hooks.attachments?.end({ kind: 'exit', exitCode, ...told });
    control.settle(exitCode);
    return exitCode;
  };
  const end = async (
    state: ContainerState & { readonly exitCode?: number | undefined },
    told?: Told & { readonly gone?: Promise<void> | undefined },
  ): Promise<number> => {
    const { gone, ...words } = told ?? {};
    const isRemoved = record.autoRemove && !control.keep && state.status === 'exited';
    if (isRemoved) await discardContainer(store, record, { cgroups: 'gone' });
    await gone;
    // Last: who reads it takes the container for one of which nothing is left.
    if (!isRemoved) writeState(store, id, state);
    return tell(state.exitCode ?? 0, words);
  };
  try {
    const { warning, gone, ...last } = await untilLast({ ...hooks, store, record, control, serve });
    return await end({ status: 'exited', ...last }, { warning, gone });
  } catch (error) {
    const { ok: _, ...failure } = refused(error);
    const text = failure.error;
    const exitCode = error instanceof TsbuildError && /^COMMAND_/.test(error.code) ? error.exitStatus : 125;
    const state = readState(store, id);
    const finished = new Date().toISOString();
    if (state?.status === 'running' || state?.status === 'restarting') {
      await end({ status: 'exited', exitCode, started: state.started, finished, error: text }, failure);
    } else if (hooks.isNew) {
      await discardContainer(store, record, { cgroups: 'gone' });
      tell(exitCode, failure);
    } else if (before?.status === 'exited') {
      await end({ ...before, exitCode, finished, error: text }, failure);
    } else {
      await end({ status: 'created', exitCode, error: text }, failure);
    }
    throw error;
  }
}

interface Last extends Ended {
  readonly finished: string;
  readonly restarts?: number | undefined;
}

/** Runs it, and again as its restart policy says, until it ends for good. Its network is closed then, too. */
async function untilLast(
  life: Pick<Run, 'store' | 'record' | 'control' | 'serve'> & LifeHooks,
): Promise<Last> {
  const { store, record, control, attachments } = life;
  const restarts = new Restarts(attachments === undefined ? undefined : record.restart);
  await using connection = await connectContainer(store, record);
  const { warnings } = connection;
  for (;;) {
    const began = performance.now();
    const { count } = restarts;
    await using joined = await connection.join(life.spec ?? record.spec);
    const ended = await runOnce({ ...life, restarts: count, joined, warnings });
    const finished = new Date().toISOString();
    const last = { ...ended, finished, ...(count > 0 && { restarts: count }) };
    const pause = control.final.aborted
      ? undefined
      : restarts.next(ended.exitCode, performance.now() - began);
    if (pause === undefined) return last;
    const { exitCode, started, warning } = ended;
    await ended.gone;
    attachments?.end({ kind: 'exit', exitCode, warning });
    writeState(store, record.id, {
      status: 'restarting',
      exitCode,
      started,
      finished,
      restarts: restarts.count,
    });
    await sleep(pause, undefined, { signal: control.final }).catch(() => undefined);
    if (control.final.aborted) return last;
  }
}

async function runOnce(run: Run): Promise<Ended> {
  const { control, attachments } = run;
  await using held = new AsyncDisposableStack();
  const container = held.use(await createServed(run));
  attachments?.serve(container);
  const { started, exitCode } = await attached(container, run).finally(() => {
    control.serve(undefined);
    attachments?.serve(undefined);
  });
  await control.endBackground();
  const warning = killedForMemory(await container.usage());
  const gone = held.move().disposeAsync();
  gone.catch(() => undefined); // heard by whoever awaits it later
  return { exitCode, started, warning, gone, ...(warning !== undefined && { outOfMemory: true }) };
}

/** In the background nobody reads it: what a hook did not do after the start shows in what is missing. */
function warnOfHook(message: string): void {
  process.stderr.write(`warning: ${printable(message)}\n`);
}

/** The socket opens while the launcher is at work: it takes half as long. */
async function createServed({ store, joined, serve, interrupt }: Run): Promise<Container> {
  const runtime = createRuntime({ stubs: join(store.root, 'runtime') });
  const [container, served] = await Promise.allSettled([
    runtime.create(joined.spec, { warn: warnOfHook, signal: interrupt }),
    serve(),
  ]);
  if (container.status === 'rejected') {
    interrupt?.throwIfAborted();
    throw container.reason;
  }
  if (served.status === 'fulfilled') return container.value;
  await container.value[Symbol.asyncDispose]();
  throw served.reason;
}

async function attached(container: Container, run: Run): Promise<Omit<Ended, 'gone'>> {
  await using _attached = run.attach(container, [...run.warnings, ...container.warnings]);
  try {
    await run.mayStart?.(run.control.startAsked());
    await container.start();
    return await untilEnd(container, run);
  } catch (error) {
    // What is attached may wait for the end of its output.
    await container.kill();
    throw error;
  }
}

async function untilEnd(container: Container, run: Run): Promise<Omit<Ended, 'gone'>> {
  const { store, record, control, restarts, joined } = run;
  const started = new Date().toISOString();
  let state: RunningState = {
    status: 'running',
    pid: container.pid,
    startTicks: startTicksOf(container.pid),
    started,
    network: joined.network,
    ...(restarts > 0 && { restarts }),
  };
  const note = (changes: Partial<RunningState>): void => {
    state = { ...state, ...changes };
    writeState(store, record.id, state);
  };
  note({});
  control.serve({ container, onPaused: (paused) => note({ paused }) });
  run.onStarted?.();
  const life = { container, note, isPaused: () => control.paused };
  await using _health =
    record.healthCheck === undefined ? undefined : watchHealth(record, record.healthCheck, life);
  return { started, exitCode: exitCodeOf(await container.wait()) };
}
