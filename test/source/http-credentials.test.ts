import { describe, expect, it } from 'vitest';

import { answer, answerStatus, serve } from '../support/http-server.ts';
import { urlFetcher } from '../support/url-fetcher.ts';

describe('credentials', () => {
  const secrets = (values: Record<string, string>) => (id: string) =>
    id in values ? Buffer.from(values[id] ?? '') : undefined;

  it.each([
    ['a token', { 'HTTP_AUTH_TOKEN_127.0.0.1': 'abc\n' }, '', 'Bearer abc'],
    ['a header', { 'HTTP_AUTH_HEADER_127.0.0.1': 'Custom abc' }, '', 'Custom abc'],
    [
      'a token before a header',
      { 'HTTP_AUTH_HEADER_127.0.0.1': 'x', 'HTTP_AUTH_TOKEN_127.0.0.1': 'y' },
      '',
      'Bearer y',
    ],
    ['those of the URL', {}, 'us%40er:pass@', `Basic ${Buffer.from('us@er:pass').toString('base64')}`],
    ['a secret before those of the URL', { 'HTTP_AUTH_TOKEN_127.0.0.1': 'y' }, 'user:pass@', 'Bearer y'],
    ['none of another host', { HTTP_AUTH_TOKEN_localhost: 'y' }, '', undefined],
  ])('L-176 are %s', async (_name, values, user, expected) => {
    await using server = await serve(answer('hello'));
    await urlFetcher({ secret: secrets(values) }).fetch(`http://${user}${server.host}/x`);
    expect(server.seen[0]?.headers.authorization).toBe(expected);
  });

  it('L-176 do not follow a redirect to another origin', async () => {
    await using target = await serve(answer('hello'));
    await using server = await serve(
      (response) => void response.writeHead(302, { location: `${target.origin}/file` }).end(),
    );
    const secret = secrets({ 'HTTP_AUTH_TOKEN_127.0.0.1': 'abc' });
    await urlFetcher({ secret }).fetch(`http://user:pass@${server.host}/x`);
    expect(server.seen[0]?.headers.authorization).toBe('Bearer abc');
    expect(target.seen[0]?.headers.authorization).toBeUndefined();
  });

  it('are not taken from a redirect', async () => {
    await using server = await serve(
      (response) => void response.writeHead(302, { location: 'http://user:pass@127.0.0.1/x' }).end(),
    );
    await expect(urlFetcher().fetch(`${server.origin}/folder/file.txt`)).rejects.toThrow(
      'a redirect that is not followed',
    );
  });

  it.each(['two\nlines', '', ' '])(
    'that no header can hold (%j) are refused without being shown',
    async (value) => {
      const promise = urlFetcher({ secret: secrets({ HTTP_AUTH_TOKEN_localhost: value }) }).fetch(
        'http://localhost:1/x',
      );
      await expect(promise).rejects.toMatchObject({
        code: 'SECRET_INVALID',
        message: expect.not.stringContaining('lines\n') as string,
      });
    },
  );

  it('S-61 of the URL are shown in no message', async () => {
    await using server = await serve(answerStatus(404));
    const promise = urlFetcher().fetch(`http://user:hunter2@${server.host}/x`);
    await expect(promise).rejects.toMatchObject({
      message: expect.not.stringContaining('hunter2') as string,
    });
  });

  it.each(['ftp://host/x', 'file:///etc/passwd', 'x', 'http://'])('%s is no URL of a file', async (url) => {
    await expect(urlFetcher().fetch(url)).rejects.toMatchObject({ code: 'SOURCE_INVALID' });
  });
});
