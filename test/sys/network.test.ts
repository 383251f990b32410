import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, readlinkSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { bindInNamespace, errno, newNetworkNamespace, openNetlinkSocket } from '../../src/sys/index.ts';
import { requires } from '../support/requires.ts';
import { runOk } from '../support/run-command.ts';

describe('network namespaces by descriptor', () => {
  requires('root', 'tool:ip', 'tool:nsenter');

  it('are new and empty, and the process stays in its own', async () => {
    const own = readlinkSync('/proc/thread-self/ns/net');
    using namespace = newNetworkNamespace();
    expect(`net:[${statSync(namespace.path).ino}]`).not.toBe(own);
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(own);
    expect(await runOk(['nsenter', `--net=${namespace.path}`, 'ip', '-o', 'route'])).toBe('');
  });

  it('take sockets that this process uses', async () => {
    using namespace = newNetworkNamespace();
    await runOk(['nsenter', `--net=${namespace.path}`, 'ip', 'link', 'set', 'lo', 'up']);
    const [one, two] = [createSocket('udp4'), createSocket('udp4')];
    one.bind({ fd: bindInNamespace(namespace, 'udp', { address: '127.0.0.9', port: 7 }) });
    two.bind({ fd: bindInNamespace(namespace, 'udp', { address: '127.0.0.1', port: 0 }) });
    const received = once(one, 'message');
    two.send('there', 7, '127.0.0.9');
    expect(String((await received)[0])).toBe('there');
    one.close();
    two.close();
  });

  it('refuse with the errors of the system calls', () => {
    using namespace = newNetworkNamespace();
    const taken = bindInNamespace(namespace, 'tcp', { address: '127.0.0.1', port: 80 });
    const again = (): number => bindInNamespace(namespace, 'tcp', { address: '127.0.0.1', port: 80 });
    expect(again).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }) as Error);
    closeSync(taken);
    const standardInput = { fd: 0 };
    expect(() => openNetlinkSocket('route', standardInput)).toThrow(/E(INVAL|BADF)/);
  });

  it('answer over netlink at once: an unknown request is refused, and nothing else is there', () => {
    using namespace = newNetworkNamespace();
    using route = openNetlinkSocket('route', namespace);
    expect(route.receive()).toBeUndefined();
    // A header, to be acknowledged, and a family.
    const message = Buffer.alloc(20);
    message.writeUInt32LE(20, 0);
    message.writeUInt16LE(5000, 4);
    message.writeUInt16LE(5, 6);
    route.send(message);
    expect(-(route.receive()?.readInt32LE(16) ?? 0)).toBe(errno.EOPNOTSUPP);
    expect(route.receive()).toBeUndefined();
  });
});
