import { digestParts, type Digest } from '../core/index.ts';
import { HttpStatusError, type HttpResponse } from '../http/index.ts';

/** What an upload session of the registry has (distribution-spec, "Pushing blobs"). */
export interface Session {
  readonly location: URL;
  readonly offset: number;
  /** OCI-Chunk-Min-Length. */
  readonly least: number;
}

/** What an answer says of the session; what it does not say is as before. Throws HttpStatusError where it names no place. */
export function sessionOf(response: HttpResponse, offset: number, earlier?: Session): Session {
  const url = uploadLocation(response) ?? earlier?.location;
  if (url === undefined) {
    throw new HttpStatusError({
      status: response.status,
      detail: 'the registry names no place for the upload',
    });
  }
  const least = Number(response.headers.get('oci-chunk-min-length') ?? earlier?.least ?? 0);
  return { location: url, offset, least: Number.isSafeInteger(least) && least > 0 ? least : 0 };
}

/** Where the upload goes on. A URL that could not be meant honestly is none. */
export function uploadLocation(response: HttpResponse): URL | undefined {
  const location = response.headers.get('location');
  if (location === null || !URL.canParse(location, response.url)) return undefined;
  const url = new URL(location, response.url);
  const isPlain = url.username === '' && url.password === '';
  return isPlain && /^https?:$/.test(url.protocol) ? url : undefined;
}

/** `Range: 0-999` says that 1000 bytes are there; some servers write `bytes=0-999`. */
export function offsetOf(response: HttpResponse): number | undefined {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.headers.get('range') ?? '')?.[1];
  return last === undefined ? undefined : Number(last) + 1;
}

/** What a registry does not reckon with by itself it is told when the upload begins (end-4c). */
export function algorithmQuery(digest: Digest): Readonly<Record<string, string>> {
  const { algorithm } = digestParts(digest);
  return algorithm === 'sha256' ? {} : { 'digest-algorithm': algorithm };
}
