import { closeSync, createWriteStream, rmSync, type WriteStream } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';

import { TsbuildError } from '../../core/index.ts';
import {
  containerFolder,
  deleteContainer,
  findContainer,
  tryContainerLock,
  writeState,
  type ContainerRecord,
} from '../../ops/index.ts';
import { createRuntime, exitCodeOf, type Container } from '../../runtime/index.ts';
import { openStore, type Store } from '../../store/index.ts';
import { socketName, type MonitorAnswer, type MonitorRequest } from './protocol.ts';

export interface MonitorOptions {
  readonly root: string;
  readonly id: string;
  /** Called when the program runs. */
  readonly onReady: () => void;
}

/** Runs a detached container to its end: log, state, commands over a socket, removal. */
export async function monitorContainer(options: MonitorOptions): Promise<void> {
  await using store = await openStore(options.root);
  const record = findContainer(store, options.id);
  await using lock = await tryContainerLock(store, record.id);
  if (lock === undefined)
    throw new TsbuildError('CONTAINER_STATE', `container ${record.name} is running already`);
  try {
    await runMonitored(store, record, options.onReady);
  } finally {
    if (record.autoRemove) deleteContainer(store, record.id);
  }
}

async function runMonitored(store: Store, record: ContainerRecord, onReady: () => void): Promise<void> {
  const folder = containerFolder(store, record.id);
  const started = new Date().toISOString();
  const log = createWriteStream(join(folder, 'log.jsonl'), { flags: 'a', mode: 0o600 });
  try {
    const runtime = createRuntime({ stubs: join(store.root, 'runtime') });
    await using container = await runtime.create(record.spec);
    const ended = container.wait().then(exitCodeOf);
    await using _server = await serve(folder, container, ended);
    writeState(store, record.id, { status: 'running', pid: container.pid, started });
    const written = [logStream(log, 'stdout', container.stdout), logStream(log, 'stderr', container.stderr)];
    await container.start();
    onReady();
    closeSync(3);
    const exitCode = await ended;
    await Promise.all(written);
    writeState(store, record.id, { status: 'exited', exitCode, started, finished: new Date().toISOString() });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const exitCode =
      error instanceof TsbuildError && error.code.startsWith('COMMAND_') ? error.exitStatus : 125;
    writeState(store, record.id, {
      status: 'exited',
      exitCode,
      started,
      finished: new Date().toISOString(),
      error: text,
    });
    throw error;
  } finally {
    log.end();
    await finished(log);
  }
}

/** docker's json-file format: one JSON object a line of output, with its time. */
async function logStream(
  log: WriteStream,
  stream: 'stdout' | 'stderr',
  source: Readable | undefined,
): Promise<void> {
  if (source === undefined) return;
  const decoder = new StringDecoder('utf8');
  let partial = '';
  const write = (line: string): void => {
    log.write(`${JSON.stringify({ log: line, stream, time: new Date().toISOString() })}\n`);
  };
  for await (const chunk of source) {
    const lines = (partial + decoder.write(chunk as Buffer)).split(/(?<=\n)/);
    partial = lines.at(-1)?.endsWith('\n') === false ? (lines.pop() ?? '') : '';
    lines.forEach(write);
  }
  const rest = partial + decoder.end();
  if (rest !== '') write(rest);
}

async function serve(
  folder: string,
  container: Container,
  ended: Promise<number>,
): Promise<Server & AsyncDisposable> {
  // Relative, since a socket's path may have 107 bytes only; this process has no other use for its directory.
  process.chdir(folder);
  rmSync(socketName, { force: true });
  const server = createServer(
    (socket) => void answerAll(socket, container, ended).catch(() => socket.destroy()),
  );
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(socketName, resolve);
  });
  server.unref();
  return Object.assign(server, {
    [Symbol.asyncDispose]: async () => {
      server.close();
    },
  });
}

async function answerAll(socket: Socket, container: Container, ended: Promise<number>): Promise<void> {
  socket.on('error', () => socket.destroy());
  for await (const line of createInterface({ input: socket })) {
    socket.write(`${JSON.stringify(await answer(JSON.parse(line) as MonitorRequest, container, ended))}\n`);
  }
}

async function answer(
  request: MonitorRequest,
  container: Container,
  ended: Promise<number>,
): Promise<MonitorAnswer> {
  try {
    switch (request.command) {
      case 'signal':
        await container.signal(request.signal);
        return { ok: true };
      case 'wait':
        return { ok: true, exitCode: await ended };
    }
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}
