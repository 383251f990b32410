import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

import type { Container } from '../../runtime/index.ts';
import { socketPath, type ContainerAnswer, type ContainerRequest } from './protocol.ts';

/** The socket by which other commands reach a container. */
export interface ControlSocket extends AsyncDisposable {
  /** From now on signals go to it. */
  attach(container: Pick<Container, 'signal'>): void;
}

/** Answers commands about the container of this folder. `settled`: its exit status, when all is over. */
export async function serveContainer(folder: string, settled: Promise<number>): Promise<ControlSocket> {
  let container: Pick<Container, 'signal'> | undefined;
  const answer = async (request: ContainerRequest): Promise<ContainerAnswer> => {
    switch (request.command) {
      case 'signal':
        if (container === undefined) return { ok: false, error: 'the container has not started yet' };
        await container.signal(request.signal);
        return { ok: true };
      case 'wait':
        return { ok: true, exitCode: await settled };
    }
  };

  const place = socketPath(folder);
  rmSync(place.path, { force: true });
  const connections = new Map<Socket, Promise<void>>();
  const server = createServer((socket) => {
    // Whoever asks and then goes to sleep must not keep this process alive.
    socket.unref();
    socket.on('close', () => connections.delete(socket));
    connections.set(socket, answerAll(socket, answer));
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(place.path, resolve);
  });
  server.unref();
  return {
    attach: (started) => {
      container = started;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      place[Symbol.dispose]();
      // Those who wait have their answer by now.
      await new Promise((resolve) => setImmediate(resolve));
      for (const socket of connections.keys()) socket.destroySoon();
    },
  };
}

async function answerAll(
  socket: Socket,
  answer: (request: ContainerRequest) => Promise<ContainerAnswer>,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  try {
    for await (const line of createInterface({ input: socket })) {
      socket.write(`${JSON.stringify(await answer(JSON.parse(line) as ContainerRequest))}\n`);
    }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    socket.end(`${JSON.stringify({ ok: false, error: text } satisfies ContainerAnswer)}\n`);
  }
}
