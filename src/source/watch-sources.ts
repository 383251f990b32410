import { canonicalJson } from '../core/index.ts';
import type { FetchedSource, Sources } from './types.ts';

/** The same fetchers, and a list of what they were asked for and gave: provenance names what was used, never what is there later. */
export function watchSources(sources: Sources): {
  readonly sources: Sources;
  /** Each once, in an order that does not hang on which came first. */
  readonly fetched: () => readonly FetchedSource[];
} {
  const found = new Map<string, FetchedSource>();
  const note = (fetched: FetchedSource): void => {
    found.set(canonicalJson({ ...fetched, source: { ...fetched.source } }), fetched);
  };
  return {
    sources: {
      git: {
        async resolve(source, options) {
          const commit = await sources.git.resolve(source, options);
          note({ kind: 'git', source, commit });
          return commit;
        },
        checkout: (source, into, options) => sources.git.checkout(source, into, options),
      },
      http: {
        async fetch(source, options) {
          const file = await sources.http.fetch(source, options);
          note({ kind: 'http', source, digest: file.digest });
          return file;
        },
      },
    },
    fetched: () => [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, fetched]) => fetched),
  };
}
