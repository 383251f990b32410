import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

/** For servers that cannot choose one themselves. Nobody else gets it at once: the kernel gives out the others first. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Whether somebody takes connections there. */
export function answers(
  where: { readonly host: string; readonly port: number } | { readonly path: string },
): Promise<boolean> {
  const socket = connect(where);
  return new Promise((resolve) => {
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
