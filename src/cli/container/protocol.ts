import { closeSync, constants, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

import { isErrno, TsbuildError } from '../../core/index.ts';

/** What commands ask of whoever runs a container: one JSON line each, one line back. */
export type ContainerRequest =
  | { readonly command: 'signal'; readonly signal: number }
  /** Answered when all is over: the state written, the files of `--rm` gone. */
  | { readonly command: 'wait' };

export type ContainerAnswer =
  | { readonly ok: true; readonly exitCode?: number | undefined }
  | { readonly ok: false; readonly error: string };

const socketName = 'control.sock';

/**
 * The socket in the folder of a container, by a path that is short wherever the store is: a socket's may have 107 bytes
 * only. Good until it is disposed of.
 */
export function socketPath(folder: string): { readonly path: string } & Disposable {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}/${socketName}`, [Symbol.dispose]: () => closeSync(fd) };
}

/** Asks whoever runs the container whose folder this is. Throws CONTAINER_STATE when nobody answers. */
export async function askContainer(folder: string, request: ContainerRequest): Promise<ContainerAnswer> {
  try {
    using place = socketPath(folder);
    const socket = await connected(place.path);
    try {
      socket.write(`${JSON.stringify(request)}\n`);
      for await (const line of createInterface({ input: socket })) return JSON.parse(line) as ContainerAnswer;
    } finally {
      socket.destroy();
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE')) throw error;
    throw new TsbuildError('CONTAINER_STATE', 'the container is not running', {
      hint: 'tsbuild ps -a tells the state of each',
      cause: error,
    });
  }
  throw new TsbuildError('CONTAINER_STATE', 'the container ended before it could answer');
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.on('error', reject);
  });
}
