import type { Readable, Writable } from 'node:stream';

import { TsbuildError } from '../core/index.ts';
import type { ResourceConfig } from '../oci/runtime-spec.ts';
import type { Launcher } from '../sys/index.ts';
import type { Cgroup } from './cgroup/types.ts';
import { describeErrno, setupError } from './errors.ts';
import type { HostHooks } from './hooks/host-hooks.ts';
import type { SetupOp } from './plan/ops.ts';
import { encodeCommand, ReportReader, type Report } from './reports.ts';
import type { Container, CreatedPoint, ExitStatus, Usage } from './types.ts';

export interface LaunchedParts {
  readonly id: string;
  readonly plan: readonly SetupOp[];
  readonly launcher: Launcher;
  readonly cgroup: Cgroup;
  readonly warnings: readonly string[];
  readonly startAtOnce: boolean;
  readonly hooks?: HostHooks | undefined;
  readonly warn?: ((message: string) => void) | undefined;
}

/**
 * A container and the launcher that holds it. The control socket is its life: closing it kills what is left and removes
 * the cgroups, so a builder that dies at any moment leaves nothing behind.
 */
export class LaunchedContainer implements Container {
  readonly id: string;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  readonly created: CreatedPoint[] = [];
  readonly warnings: string[];
  readonly #plan: readonly SetupOp[];
  readonly #launcher: Launcher;
  readonly #cgroup: Cgroup;
  #hooks: HostHooks | undefined;
  #startedHooks: Promise<void> | undefined;
  readonly #warn: (message: string) => void;
  readonly #ready = Promise.withResolvers<undefined>();
  readonly #started = Promise.withResolvers<undefined>();
  readonly #exited = Promise.withResolvers<ExitStatus>();
  #pid = 0;
  #cpuMicros: number | undefined;
  #startAsked: boolean;
  #ended = false;
  #used: Usage | undefined;
  #abort: { readonly signal: AbortSignal; readonly listener: () => void } | undefined;

  constructor(parts: LaunchedParts) {
    this.id = parts.id;
    this.#plan = parts.plan;
    this.#launcher = parts.launcher;
    this.#cgroup = parts.cgroup;
    this.#hooks = parts.hooks;
    this.#warn = parts.warn ?? ((message) => this.warnings.push(message));
    this.warnings = [...parts.warnings];
    this.#startAsked = parts.startAtOnce;
    this.stdin = parts.launcher.stdin;
    // Written to when nobody reads any more; the exit status tells.
    this.stdin?.on('error', () => undefined);
    this.stdout = parts.launcher.stdout;
    this.stderr = parts.launcher.stderr;
    // Each is for whoever asks; a failure nobody asked about is told by the next call.
    for (const { promise } of [this.#ready, this.#started, this.#exited]) promise.catch(() => undefined);
    this.#listen();
  }

  get pid(): number {
    return this.#pid;
  }

  /** Resolves when PID 1 waits for the start. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async start(): Promise<void> {
    if (!this.#startAsked) this.#send(encodeCommand('start'));
    this.#startAsked = true;
    return this.#started.promise;
  }

  async signal(signal: number): Promise<void> {
    this.#send(encodeCommand('signal', signal));
  }

  async kill(): Promise<void> {
    this.#send(encodeCommand('kill'));
  }

  async resize({ columns, rows }: { readonly columns: number; readonly rows: number }): Promise<void> {
    this.#send(encodeCommand('resize', ((columns & 0xffff) << 16) | (rows & 0xffff)));
  }

  async pause(paused: boolean): Promise<void> {
    this.#cgroup.freeze(paused);
  }

  async update(limits: ResourceConfig): Promise<void> {
    this.#cgroup.update(limits);
  }

  wait(): Promise<ExitStatus> {
    return this.#exited.promise;
  }

  async usage(): Promise<Usage> {
    if (this.#used !== undefined) return this.#used;
    const counted = this.#cgroup.usage();
    // The kernel's own count of the process is at hand also where no cgroup is.
    const used = { ...counted, cpuMicros: counted.cpuMicros ?? this.#cpuMicros };
    // Of what has ended nothing changes, and it is a dozen files to read.
    if (this.#ended) this.#used = used;
    return used;
  }

  /** From now on an abort kills the container; `wait` then reports the kill. */
  killOn(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const listener = (): void => this.#send(encodeCommand('kill'));
    this.#abort = { signal, listener };
    signal.addEventListener('abort', listener, { once: true });
    if (signal.aborted) listener();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort?.signal.removeEventListener('abort', this.#abort.listener);
    const { control, ended } = this.#launcher;
    control.end();
    using hooks = this.#hooks;
    this.#hooks = undefined;
    // It has removed the cgroups, unless it was killed itself.
    if ((await ended) !== 'complete') {
      this.#cgroup.kill();
      this.#cgroup.remove();
    }
    // A program may have ended before them; those of its end come after all others.
    await this.#startedHooks;
    for (const warning of (await hooks?.afterEnd()) ?? []) this.#warn(warning);
  }

  /** Whatever comes of it, the launcher is told: it waits for nothing else. */
  async #runHooks(pid: number): Promise<void> {
    try {
      await this.#hooks?.beforeStart(pid);
      this.#send(encodeCommand('continue'));
    } catch (error) {
      this.#send(encodeCommand('kill'));
      this.#fail(error);
    }
  }

  async #runStartedHooks(): Promise<void> {
    for (const warning of (await this.#hooks?.afterStart(this.#pid)) ?? []) this.#warn(warning);
    this.#started.resolve(undefined);
  }

  #send(command: Buffer): void {
    if (!this.#ended && this.#launcher.control.writable) this.#launcher.control.write(command);
  }

  #listen(): void {
    const { control, ended } = this.#launcher;
    const reader = new ReportReader();
    control.on('data', (bytes: Buffer) => {
      for (const report of reader.push(bytes)) this.#hear(report);
    });
    // Writing to a launcher that has ended: its end is reported by the events below.
    control.on('error', () => undefined);
    void ended.then(() => this.#lost());
  }

  #hear(report: Report): void {
    switch (report.kind) {
      case 'ready':
        this.#pid = report.pid;
        this.#ready.resolve(undefined);
        return;
      case 'hooks':
        void this.#runHooks(report.pid);
        return;
      case 'started':
        if (this.#hooks === undefined) this.#started.resolve(undefined);
        else this.#startedHooks = this.#runStartedHooks();
        return;
      case 'warning':
        this.warnings.push(`${report.text}: ${describeErrno(report.errno)}`);
        return;
      case 'created':
        this.created.push({
          path: report.path,
          directory: report.directory,
          parentBefore: report.before,
          parentAfter: report.after,
        });
        return;
      case 'error':
        this.#fail(setupError(report, this.#plan));
        return;
      case 'exited': {
        this.#ended = true;
        this.#cpuMicros = report.cpuMicros;
        // Killed before the start: nobody has to wait for it any more.
        this.#started.resolve(undefined);
        this.#ready.resolve(undefined);
        const { signaled, value } = report;
        this.#exited.resolve(
          signaled ? { kind: 'signaled', signal: value } : { kind: 'exited', code: value },
        );
        return;
      }
    }
  }

  #fail(error: unknown): void {
    this.#ended = true;
    for (const deferred of [this.#ready, this.#started, this.#exited]) deferred.reject(error);
  }

  /** The launcher has ended. Before its report of the exit that is no ordinary end. */
  #lost(): void {
    if (!this.#ended) this.#cgroup.kill();
    this.#fail(new TsbuildError('RUNTIME_SETUP', 'the launcher of the container was killed'));
  }
}
