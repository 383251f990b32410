import type { Socket } from 'node:net';

import { TsbuildError } from '../../core/index.ts';
import type { ContainerRecord } from '../../ops/index.ts';
import type { Container } from '../../runtime/index.ts';
import type { Attachments } from './attachments.ts';
import { BackgroundProcesses } from './background.ts';
import type { AttachRequest, ContainerAnswer, ContainerRequest, ExecAttachRequest } from './protocol.ts';
import { refused, writeAnswer, type RequestHandler } from './serve.ts';

/** A program of the container that runs now. */
export interface RunningProgram {
  readonly container: Container;
  /** Told when it is stopped or let go on. */
  readonly onPaused: (paused: boolean) => void;
}

const SIGKILL = 9;

/** What other commands want of a container, and what they have asked for. */
export class ContainerControl implements RequestHandler {
  readonly #record: ContainerRecord;
  readonly #attachments: Attachments | undefined;
  readonly #settled = Promise.withResolvers<number>();
  readonly #startAsked = Promise.withResolvers<undefined>();
  readonly #finalAsked = new AbortController();
  readonly #background: BackgroundProcesses;
  #program: RunningProgram | undefined;
  #paused = false;
  #keep = false;

  constructor(record: ContainerRecord, attachments: Attachments | undefined) {
    this.#record = record;
    this.#attachments = attachments;
    this.#background = new BackgroundProcesses(record);
  }

  /** Aborted when it is not to be started again. */
  get final(): AbortSignal {
    return this.#finalAsked.signal;
  }

  /** Not to be removed at its end. */
  get keep(): boolean {
    return this.#keep;
  }

  get paused(): boolean {
    return this.#paused;
  }

  startAsked(): Promise<undefined> {
    return this.#startAsked.promise;
  }

  /** From now on requests are about this program, or about none. */
  serve(program: RunningProgram | undefined): void {
    this.#program = program;
    this.#paused = false;
  }

  /** All is over: whoever waits is told. */
  settle(exitCode: number): void {
    this.#settled.resolve(exitCode);
  }

  /** Ends what runs in the background beside the program that has ended. */
  async endBackground(): Promise<void> {
    await this.#background.end();
  }

  async attach(request: AttachRequest | ExecAttachRequest, socket: Socket): Promise<void> {
    if (request.command === 'exec-attach') return this.#background.attach(this.#awake(), request, socket);
    if (this.#attachments === undefined) {
      const error = new TsbuildError('CONTAINER_STATE', 'the container runs in the terminal of a command', {
        hint: 'only what was started in the background can be attached to',
      });
      writeAnswer(socket, refused(error));
      socket.end();
      return;
    }
    await this.#attachments.add(socket, request);
    if (request.start) this.#startAsked.resolve(undefined);
  }

  async answer(
    request: Exclude<ContainerRequest, AttachRequest | ExecAttachRequest>,
  ): Promise<ContainerAnswer> {
    switch (request.command) {
      case 'signal':
        await this.#signal(request);
        return { ok: true };
      case 'pause':
        await this.#pause(request.paused);
        return { ok: true };
      case 'exec':
        await this.#background.run(this.#awake(), request.options);
        return { ok: true };
      case 'wait':
        return { ok: true, exitCode: await this.#settled.promise };
    }
  }

  async #signal(request: ContainerRequest & { readonly command: 'signal' }): Promise<void> {
    const { signal, final = false, keep = false } = request;
    this.#keep ||= keep;
    const ends = final || signal === SIGKILL || signal === this.#record.stopSignal;
    if (ends) this.#finalAsked.abort();
    const { container } = this.#program ?? {};
    if (container === undefined) {
      if (ends) return;
      throw new TsbuildError('CONTAINER_STATE', 'the container is not running');
    }
    await container.signal(signal);
    // What is stopped hears no signal.
    if (ends && this.#paused) await this.#pause(false);
  }

  async #pause(paused: boolean): Promise<void> {
    const program = this.#running();
    if (paused === this.#paused) {
      throw new TsbuildError(
        'CONTAINER_STATE',
        `the container is ${paused ? 'paused already' : 'not paused'}`,
      );
    }
    await program.container.pause(paused);
    this.#paused = paused;
    program.onPaused(paused);
  }

  /** One that is not halted. */
  #awake(): Container {
    const { container } = this.#running();
    if (this.#paused) throw new TsbuildError('CONTAINER_STATE', 'the container is paused');
    return container;
  }

  #running(): RunningProgram {
    if (this.#program !== undefined) return this.#program;
    throw new TsbuildError('CONTAINER_STATE', 'the container is not running');
  }
}
