import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

import { TsbuildError } from '../../core/index.ts';
import {
  readLine,
  socketPath,
  type AttachRequest,
  type ContainerAnswer,
  type ContainerRequest,
  type ExecAttachRequest,
} from './protocol.ts';

type Attaching = AttachRequest | ExecAttachRequest;

export interface RequestHandler {
  answer(request: Exclude<ContainerRequest, Attaching>): Promise<ContainerAnswer>;
  /** Has the connection from now on, the answer included. */
  attach(request: Attaching, socket: Socket): Promise<void>;
}

/** Answers commands about the container of this folder, on the socket by which they reach it. */
export async function serveContainer(folder: string, handler: RequestHandler): Promise<AsyncDisposable> {
  const place = socketPath(folder);
  rmSync(place.path, { force: true });
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    // Whoever asks and then goes to sleep must not keep this process alive.
    socket.unref();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => connections.delete(socket));
    connections.add(socket);
    void answerAll(socket, handler);
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(place.path, resolve);
  });
  server.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      place[Symbol.dispose]();
      // Those who wait have their answer by now.
      await new Promise((resolve) => setImmediate(resolve));
      for (const socket of connections) socket.destroySoon();
    },
  };
}

async function answerAll(socket: Socket, handler: RequestHandler): Promise<void> {
  try {
    for (let line = await readLine(socket); line !== undefined; line = await readLine(socket)) {
      const request = JSON.parse(line) as ContainerRequest;
      if (request.command === 'attach' || request.command === 'exec-attach') {
        await handler.attach(request, socket);
        return;
      }
      writeAnswer(socket, await handler.answer(request));
    }
    socket.end();
  } catch (error) {
    writeAnswer(socket, refused(error));
    socket.end();
  }
}

export function writeAnswer(socket: Socket, answer: ContainerAnswer): void {
  socket.write(`${JSON.stringify(answer)}\n`);
}

export function refused(error: unknown): ContainerAnswer & { readonly ok: false } {
  const { code, hint } = error instanceof TsbuildError ? error : { code: undefined, hint: undefined };
  return { ok: false, error: error instanceof Error ? error.message : String(error), code, hint };
}
