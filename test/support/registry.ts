import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { Store } from '../../src/store/index.ts';
import { runCommand } from './run-command.ts';

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, spoken to by plain http unless it has a certificate. */
  readonly host: string;
  /** Copies a named image of a store's layout to `repository:tag` of the registry, by skopeo. */
  push(store: Store, name: string, to: string, options?: { readonly docker?: boolean }): Promise<void>;
  /** Puts a manifest or an index as it is. */
  putManifest(repository: string, tag: string, manifest: { mediaType: string; body: string }): Promise<void>;
}

/** Debian's docker-registry with its files below `folder`, on a free port of this machine; `auth` and `tls` as its config has them. */
export async function startRegistry(
  folder: string,
  options: { readonly auth?: object; readonly tls?: object } = {},
): Promise<TestRegistry> {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'config.yml');
  // JSON is YAML. Port 0 is any free one: the log tells which.
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'info', formatter: 'json', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
      http: { addr: '127.0.0.1:0', relativeurls: true, ...(options.tls && { tls: options.tls }) },
      ...(options.auth === undefined ? {} : { auth: options.auth }),
    }),
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const port = await Promise.race([
    listeningPort(child.stderr),
    listeningPort(child.stdout),
    ended.then(() => Promise.reject(new Error('docker-registry ended before it listened'))),
  ]);
  const host = `127.0.0.1:${port}`;
  return {
    host,
    async push(store, name, to, { docker = false } = {}) {
      const argv = ['skopeo', '--insecure-policy', 'copy', '--dest-tls-verify=false', '--preserve-digests'];
      if (docker) argv.splice(4, 1, '--format', 'v2s2');
      const result = await runCommand([...argv, `oci:${store.layout}:${name}`, `docker://${host}/${to}`]);
      if (result.status !== 0) throw new Error(result.stderr);
    },
    async putManifest(repository, tag, { mediaType, body }) {
      const url = `http://${host}/v2/${repository}/manifests/${tag}`;
      const answer = await fetch(url, { method: 'PUT', headers: { 'content-type': mediaType }, body });
      if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    },
  };
}

/** Keeps reading, so that the registry never blocks on its log. */
function listeningPort(output: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: output }).on('line', (line) => {
      const port = /listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port !== undefined) resolve(port);
    });
  });
}
