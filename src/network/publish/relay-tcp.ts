import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Endpoint, Relay } from './relay.ts';

const mostConnections = 4096;

/** Takes connections at one address and passes their bytes to and from another. */
export async function relayTcp(at: Endpoint, to: Endpoint): Promise<Relay> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const inner = connect({ host: to.address, port: to.port, allowHalfOpen: true });
    for (const [from, other] of [
      [client, inner],
      [inner, client],
    ] as const) {
      open.add(from);
      from.on('close', () => {
        open.delete(from);
        // A reset on one side is one on the other; an orderly end has been passed on by the pipe.
        if (from.errored !== null) other.destroy();
      });
      from.on('error', () => other.destroy());
      from.pipe(other);
    }
  });
  server.maxConnections = mostConnections;
  server.listen({ host: at.address, port: at.port, ipv6Only: true });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
