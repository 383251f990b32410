import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { bindInNamespace } from '../../sys/index.ts';
import type { Endpoint, Relay, Target } from './relay.ts';

/** Datagrams say nothing of an end: who was silent so long, in milliseconds, is forgotten. */
const idleTime = 90_000;
const mostClients = 1024;

/** Passes datagrams on, each client's from a socket of its own by which the answers find back. */
export async function relayUdp(at: Endpoint, to: Target): Promise<Relay> {
  const outer = isIPv6(at.address) ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4');
  const clients = new Map<string, { readonly inner: Socket; readonly timer: NodeJS.Timeout }>();
  const forget = (key: string): void => {
    const client = clients.get(key);
    if (client === undefined) return;
    clients.delete(key);
    clearTimeout(client.timer);
    client.inner.close();
  };
  outer.on('message', (bytes, from) => {
    const key = `${from.address} ${from.port}`;
    let client = clients.get(key);
    if (client === undefined) {
      if (clients.size >= mostClients) return;
      const inner = socketTowards(to);
      if (inner === undefined) return;
      inner.on('error', () => forget(key));
      inner.on('message', (reply) => outer.send(reply, from.port, from.address, () => undefined));
      client = { inner, timer: setTimeout(() => forget(key), idleTime).unref() };
      clients.set(key, client);
    }
    client.timer.refresh();
    client.inner.send(bytes, to.port, to.address, () => undefined);
  });
  outer.bind({ address: at.address, port: at.port, exclusive: true });
  try {
    await once(outer, 'listening');
  } catch (error) {
    outer.close();
    throw error;
  }
  outer.on('error', () => undefined);
  return {
    port: outer.address().port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(outer, 'close');
      outer.close();
      for (const key of [...clients.keys()]) forget(key);
      await closed;
    },
  };
}

/** Undefined when descriptors are used up: that costs one client, and not the container whose monitor this is. */
function socketTowards({ within }: Target): Socket | undefined {
  const socket = createSocket('udp4');
  try {
    if (within !== undefined)
      socket.bind({ fd: bindInNamespace(within, 'udp', { address: '0.0.0.0', port: 0 }) });
    return socket;
  } catch {
    socket.close();
    return undefined;
  }
}
