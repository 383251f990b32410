import { describe, expect, it } from 'vitest';

import { pushImage, type PushImageOptions } from '../../src/image/index.ts';
import { pullImage, type PushProgress } from '../../src/registry/index.ts';
import type { Store } from '../../src/store/index.ts';
import { startFaultProxy, type Intercept } from '../support/fault-proxy.ts';
import { requires } from '../support/requires.ts';
import { sharedRegistry } from '../support/shared-registry.ts';
import { runOk } from '../support/run-command.ts';
import { makeTinyImage, type TinyImageOptions } from '../support/tiny-image.ts';
import { withStore } from '../support/with-store.ts';

requires('tool:docker-registry', 'tool:skopeo');

const registry = sharedRegistry();

const retry = { tries: 6, first: 1, longest: 5, patience: 2000 };

/** Two layers, one of them of some size that compresses badly. */
const layers = [
  { hello: 'hi\n' },
  { noise: Array.from({ length: 20_000 }, (_, n) => Math.imul(n, 2654435761).toString(36)).join('') },
];

async function inspect(name: string): Promise<{ Digest: string; Layers: string[] }> {
  const text = await runOk(['skopeo', 'inspect', '--tls-verify=false', `docker://${name}`]);
  return JSON.parse(text) as { Digest: string; Layers: string[] };
}

async function pushed(store: Store, name: string, options: PushImageOptions = {}) {
  const progress: PushProgress[] = [];
  const result = await pushImage(store, name, {
    retry,
    onProgress: (one) => void progress.push(one),
    ...options,
  });
  const states = progress
    .filter(({ state, kind }) => state !== 'transferring' && kind === 'layer')
    .map(({ state }) => state);
  return { ...result, states };
}

async function image(store: Store, name: string, options: TinyImageOptions = {}) {
  return makeTinyImage(store, { name, layers, ...options });
}

describe('a push to an honest registry', () => {
  it('G-30 G-34 what is pushed comes back as the same image, and its repo digest is the registry’s', async () => {
    const name = `${registry.host}/app/round:1`;
    const id = await withStore(async (store) => {
      const made = await image(store, name);
      const result = await pushed(store, name);
      expect(result.id).toBe(made.id);
      expect((await inspect(name)).Digest).toBe(result.manifest.digest);
      expect((await store.images.get(made.id))?.repoDigests).toEqual([result.repoDigest]);
      expect(result.repoDigest).toBe(`${registry.host}/app/round@${result.manifest.digest}`);
      return made.id;
    });
    await withStore(async (store) => expect((await pullImage(store, name)).id).toBe(id));
  });

  it.each(['gzip', 'zstd', 'none'] as const)(
    'G-41 layers go as %s where that is wanted',
    async (compression) => {
      const name = `${registry.host}/app/${compression}:1`;
      await withStore(async (store) => {
        const made = await image(store, name);
        const result = await pushed(store, name, { form: { compression } });
        const raw = await runOk(['skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${name}`]);
        const suffix = compression === 'none' ? 'tar' : `tar+${compression}`;
        const types = (JSON.parse(raw) as { layers: { mediaType: string }[] }).layers.map(
          (one) => one.mediaType,
        );
        expect(types).toEqual(types.map(() => `application/vnd.oci.image.layer.v1.${suffix}`));
        await withStore(async (other) => {
          const back = await pullImage(other, name);
          expect(back.id).toBe(made.id);
          expect(back.digest).toBe(result.manifest.digest);
        });
      });
    },
  );

  it('G-30 a second push sends no blob, nor packs one', async () => {
    const name = `${registry.host}/app/twice:1`;
    await withStore(async (store) => {
      await image(store, name);
      expect((await pushed(store, name)).transferred).toBeGreaterThan(0);
      const again = await pushed(store, name);
      expect(again).toMatchObject({ transferred: 0, states: ['present', 'present'] });
    });
  });

  it.each(['gzip', 'zstd', 'none'] as const)(
    'G-30 what was pulled with %s is pushed byte for byte',
    async (compression) => {
      const [from, to] = [
        `${registry.host}/origin/${compression}:1`,
        `${registry.host}/copy/${compression}:1`,
      ];
      await withStore(async (store) => {
        await image(store, 'docker.io/library/app:latest', { compression });
        await registry.push(store, 'app:latest', `origin/${compression}:1`);
      });
      await withStore(async (store) => {
        const pulled = await pullImage(store, from);
        await store.refs.set({ name: to, target: pulled.manifest });
        const result = await pushed(store, to);
        expect(result.manifest).toEqual(pulled.manifest);
        // G-13: the registry lends them.
        expect(result.states).toEqual(['mounted', 'mounted']);
      });
    },
  );

  it('end-11 G-13 a layer that was pushed to another repository is mounted from it', async () => {
    const [first, second] = [`${registry.host}/lender/a:1`, `${registry.host}/borrower/b:1`];
    await withStore(async (store) => {
      const made = await image(store, first);
      await store.refs.set({ name: second, target: made.manifest });
      expect((await pushed(store, first)).states).toEqual(['sent', 'sent']);
      expect((await pushed(store, second)).states).toEqual(['mounted', 'mounted']);
    });
  });

  it('an image with the same layer twice', async () => {
    const name = `${registry.host}/app/same:1`;
    await withStore(async (store) => {
      const made = await image(store, name, { layers: [{ a: 'a' }, { a: 'a' }] });
      await pushed(store, name);
      await withStore(async (other) => expect((await pullImage(other, name)).id).toBe(made.id));
    });
  });
});

describe('a push through a bad line', () => {
  /** Pushes through a proxy, in small pieces, and pulls back past it. */
  async function through(repository: string, intercept: Intercept): Promise<{ methods: string[] }> {
    await using proxy = await startFaultProxy(registry.host, intercept);
    const path = `${repository}:1`;
    await withStore(async (store) => {
      const made = await image(store, `${proxy.host}/${path}`);
      await pushed(store, `${proxy.host}/${path}`, { chunk: 16 * 1024, form: { compression: 'none' } });
      await withStore(async (other) => {
        expect((await pullImage(other, `${registry.host}/${path}`)).id).toBe(made.id);
      });
    });
    return { methods: proxy.seen.map(({ method }) => method) };
  }

  const once = (matches: (method: string) => boolean, act: Intercept, skip = 0): Intercept => {
    let count = 0;
    return (request, response) => {
      if (!matches(request.method ?? '')) return false;
      count += 1;
      return count === skip + 1 ? act(request, response) : false;
    };
  };

  it.each([500, 502, 503, 429])('B-09 G-32 goes on after a %i to a piece', async (status) => {
    const { methods } = await through(
      `bad/patch-${status}`,
      once(
        (method) => method === 'PATCH',
        (_request, response) => {
          response.writeHead(status, { 'retry-after': '0' }).end();
          return true;
        },
        2,
      ),
    );
    expect(methods.filter((method) => method === 'PATCH').length).toBeGreaterThan(3);
  });

  it.each(['HEAD', 'POST', 'PATCH', 'PUT'])(
    'G-33 goes on when the connection is cut at a %s',
    async (wanted) => {
      await through(
        `bad/cut-${wanted.toLowerCase()}`,
        once(
          (method) => method === wanted,
          (request) => {
            request.socket.destroy();
            return true;
          },
          wanted === 'PATCH' ? 1 : 0,
        ),
      );
    },
  );

  it('B-09 G-33 resumes where the registry stands, instead of from the start', async () => {
    const ranges: string[] = [];
    let cut = false;
    await through('bad/resume', (request) => {
      if (request.method !== 'PATCH') return false;
      ranges.push(request.headers['content-range'] ?? '');
      if (cut || ranges.length !== 3) return false;
      cut = true;
      request.socket.destroy();
      return true;
    });
    expect(ranges.filter((range) => range === ranges[2])).toHaveLength(2);
    expect(ranges.filter((range) => range.startsWith('0-')).length).toBe(1);
  });

  it('what cannot be survived is said in words', async () => {
    await using proxy = await startFaultProxy(registry.host, (request, response) => {
      if (request.method !== 'PUT') return false;
      response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"read only"}]}');
      return true;
    });
    await withStore(async (store) => {
      await image(store, `${proxy.host}/bad/denied:1`);
      await expect(pushed(store, `${proxy.host}/bad/denied:1`)).rejects.toMatchObject({
        code: 'REGISTRY_DENIED',
        message: expect.stringContaining('read only') as string,
      });
    });
  });

  it('a registry that names another digest for the manifest is not believed', async () => {
    await using proxy = await startFaultProxy(registry.host, (request, response) => {
      if (request.method !== 'PUT' || !request.url?.includes('/manifests/')) return false;
      response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end();
      return true;
    });
    await withStore(async (store) => {
      await image(store, `${proxy.host}/bad/digest:1`);
      await expect(pushed(store, `${proxy.host}/bad/digest:1`)).rejects.toMatchObject({
        code: 'DIGEST_MISMATCH',
      });
    });
  });

  it('G-16 S-60 no credentials go to another host that takes the upload', async () => {
    const secret = { kind: 'bearer', token: 'the-secret' } as const;
    await using storage = await startFaultProxy(undefined, (_request, response) => {
      response.writeHead(201).end();
      return true;
    });
    await using proxy = await startFaultProxy(registry.host, (request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        return true;
      }
      if (request.method === 'POST') {
        response.writeHead(202, { location: `http://${storage.host}/put-here` }).end();
        return true;
      }
      if (request.method === 'PUT') {
        response.writeHead(201).end();
        return true;
      }
      return false;
    });
    await withStore(async (store) => {
      await image(store, `${proxy.host}/elsewhere/app:1`);
      await pushed(store, `${proxy.host}/elsewhere/app:1`, { credentials: () => Promise.resolve(secret) });
    });
    expect(storage.seen.length).toBeGreaterThan(0);
    expect(JSON.stringify(storage.seen)).not.toContain('the-secret');
  });
});
