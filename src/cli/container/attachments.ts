import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Container } from '../../runtime/index.ts';
import { encodeFrame, readFrames, type Frame } from './frames.ts';
import type { AttachRequest } from './protocol.ts';
import { writeAnswer } from './serve.ts';

/** A client that reads nothing for so long is left behind: it must not hold the program up for ever. */
const patience = 30_000;

type Program = Pick<Container, 'stdin' | 'resize'>;

/** The commands that are attached to a container: all get its output, and those with input write to it. */
export class Attachments {
  readonly terminal: boolean;
  readonly #clients = new Set<Socket>();
  readonly #onLost: () => void;
  #program: Program | undefined;

  /** `onLost`: a client has gone without saying so. */
  constructor({ terminal, onLost }: { readonly terminal: boolean; readonly onLost?: () => void }) {
    this.terminal = terminal;
    this.#onLost = onLost ?? (() => undefined);
  }

  /** The program whose input it is from now on. */
  serve(program: Program | undefined): void {
    this.#program = program;
  }

  async add(socket: Socket, { stdin, size }: Pick<AttachRequest, 'stdin' | 'size'>): Promise<void> {
    if (size !== undefined && this.terminal) await this.#program?.resize(size);
    writeAnswer(socket, { ok: true, terminal: this.terminal });
    this.#clients.add(socket);
    socket.on('close', () => {
      if (this.#clients.delete(socket)) this.#onLost();
    });
    this.#hear(socket, stdin).catch(() => socket.destroy());
  }

  /** Resolves when the output is on its way to all: who reads slowly slows the program, as a pipe would. */
  async send(kind: 'stdout' | 'stderr', bytes: Buffer): Promise<void> {
    const frame = encodeFrame({ kind, bytes });
    await Promise.all([...this.#clients].map((socket) => delivered(socket, frame)));
  }

  /** The program has ended, or never began: tells all, and lets them go. */
  end(exit: Frame & { readonly kind: 'exit' }): void {
    for (const socket of this.#clients) socket.end(encodeFrame(exit));
    this.#clients.clear();
  }

  async #hear(socket: Socket, stdin: boolean): Promise<void> {
    for await (const frame of readFrames(socket)) {
      if (frame.kind === 'detach') this.#clients.delete(socket);
      if (frame.kind === 'resize') await this.#program?.resize(frame);
      if (!stdin) continue;
      const input = this.#program?.stdin;
      if (input === undefined || !input.writable) continue;
      if (frame.kind === 'stdin' && !input.write(frame.bytes)) await drained(input);
      // The end of a terminal's input is a key.
      if (frame.kind === 'stdin-end' && !this.terminal) input.end();
    }
  }
}

async function delivered(socket: Socket, frame: Buffer): Promise<void> {
  if (socket.destroyed || socket.write(frame)) return;
  const tired = new AbortController();
  const late = sleep(patience, 'late', { signal: tired.signal }).catch(() => undefined);
  const result = await Promise.race([drained(socket), late]);
  tired.abort();
  if (result === 'late') socket.destroy();
}

async function drained(stream: NodeJS.WritableStream): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).catch(
    () => undefined,
  );
  stop.abort();
}
