import { closeSync, constants, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

import { isErrno, TsbuildError } from '../../core/index.ts';

/** What commands ask of a container's monitor: one JSON line each, one line back. */
export type MonitorRequest =
  { readonly command: 'signal'; readonly signal: number } | { readonly command: 'wait' };

export type MonitorAnswer =
  | { readonly ok: true; readonly exitCode?: number | undefined }
  | { readonly ok: false; readonly error: string };

export const socketName = 'monitor.sock';

/** Asks the monitor of the container whose folder this is. Throws CONTAINER_STATE when none answers. */
export async function askMonitor(folder: string, request: MonitorRequest): Promise<MonitorAnswer> {
  // A socket's path may have 107 bytes only: through the folder's descriptor it is short wherever the store is.
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const socket = await connected(`/proc/self/fd/${fd}/${socketName}`);
    socket.write(`${JSON.stringify(request)}\n`);
    for await (const line of createInterface({ input: socket })) {
      socket.destroy();
      return JSON.parse(line) as MonitorAnswer;
    }
    throw new TsbuildError('CONTAINER_STATE', 'the container ended before it could answer');
  } finally {
    closeSync(fd);
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.on('error', (error) => {
      const gone = isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE');
      reject(
        gone ? new TsbuildError('CONTAINER_STATE', 'the container is not running', { cause: error }) : error,
      );
    });
  });
}
