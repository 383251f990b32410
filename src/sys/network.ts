import { close, write } from 'node:fs';
import { promisify } from 'node:util';

import { fromText } from '../core/index.ts';
import { addon } from './addon.ts';
import { checked, checkedBytes, errno } from './errno.ts';

const AF_INET = 2;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;

/** A network namespace held by its descriptor: it ends with the last descriptor, process and socket in it. */
export interface NetworkNamespace extends Disposable {
  readonly fd: number;
  /** A path that opens it, for this process and those that may see into it, while it is held. */
  readonly path: string;
}

/** An empty network namespace; even its loopback is down. The process stays where it is. */
export function newNetworkNamespace(): NetworkNamespace {
  const fd = checked(addon().newNetns(), 'unshare', fromText('network namespace'));
  let open = true;
  return {
    fd,
    path: `/proc/${process.pid}/fd/${fd}`,
    [Symbol.dispose](): void {
      if (open) addon().close(fd);
      open = false;
    },
  };
}

/** A netlink socket. What the kernel answers is there when `send` returns, so nothing ever waits. */
export interface NetlinkSocket extends Disposable, AsyncDisposable {
  send(bytes: Buffer): void;
  /** From another thread: what takes links away keeps its caller for tens of milliseconds. */
  sendAside(bytes: Buffer): Promise<void>;
  /** One datagram; undefined when there is none. */
  receive(): Buffer | undefined;
}

/** Opens a netlink socket in the namespace, or in the process's own. */
export function openNetlinkSocket(
  protocol: 'route' | 'netfilter',
  namespace?: Pick<NetworkNamespace, 'fd'>,
): NetlinkSocket {
  const number = { route: 0, netfilter: 12 }[protocol];
  const fd = checked(addon().socketIn(namespace?.fd ?? null, AF_NETLINK, SOCK_RAW, number), 'socket');
  let open = true;
  return {
    send(bytes: Buffer): void {
      checked(addon().send(fd, bytes.toString('latin1')), 'send');
    },
    async sendAside(bytes: Buffer): Promise<void> {
      await promisify(write)(fd, bytes);
    },
    receive(): Buffer | undefined {
      const result = addon().receive(fd);
      if (result === -errno.EAGAIN) return undefined;
      return Buffer.from(checkedBytes(result, 'recv'), 'latin1');
    },
    [Symbol.dispose](): void {
      if (open) addon().close(fd);
      open = false;
    },
    /** From another thread: rules that the socket owns are taken away with it. */
    async [Symbol.asyncDispose](): Promise<void> {
      if (!open) return;
      open = false;
      await promisify(close)(fd);
    },
  };
}

/** An IPv4 socket of a namespace, as a descriptor that node:net's `Socket` takes over. */
export function socketInNamespace(namespace: Pick<NetworkNamespace, 'fd'>, kind: 'tcp' | 'udp'): number {
  const type = kind === 'tcp' ? SOCK_STREAM : SOCK_DGRAM;
  return checked(addon().socketIn(namespace.fd, AF_INET, type, 0), 'socket');
}

/**
 * A socket bound inside a namespace, as a descriptor that node:net's `listen` or node:dgram's `bind` takes over. The
 * address is dotted; port 0 is one of the kernel's choice.
 */
export function bindInNamespace(
  namespace: Pick<NetworkNamespace, 'fd'>,
  kind: 'tcp' | 'udp',
  { address, port }: { readonly address: string; readonly port: number },
): number {
  const fd = socketInNamespace(namespace, kind);
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const result = addon().bindInet(fd, number, port);
  if (result < 0) addon().close(fd);
  checked(result, 'bind');
  return fd;
}
