// One typed way to call a server: paths, parameters, bodies and answers are checked against
// the files api-types.ts, which are generated from the servers' own descriptions.

import type { paths as experimentPaths } from '../experiments/api-types'
import type { paths as studioPaths } from './api-types'

type paths = studioPaths & experimentPaths

export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when the server could not be reached */
    readonly status: number,
  ) {
    super(message)
  }
}

type Method = 'get' | 'put' | 'post' | 'patch' | 'delete'
export type PathOf<M extends Method> = { [P in keyof paths]: paths[P][M] extends object ? P : never }[keyof paths]

type OneOf<T> = [T] extends [undefined] ? object : T
/** The parameters of a call, those in its path and those of its query, in one object. */
type ParamsOf<O> = O extends { parameters: { path?: infer P; query?: infer Q } } ? OneOf<P> & OneOf<Q> : never

type BodyOf<O> = O extends { requestBody: { content: infer C } }
  ? C extends { 'application/json': infer J }
    ? [body: J]
    : [body: Blob]
  : []

type AnswerTo<O> = O extends { responses: infer R } ? AnswerIn<R[keyof R & (200 | 201 | 202 | 204)]> : never
type AnswerIn<R> = R extends { content: infer C } ? (C extends { 'application/json': infer J } ? J : Blob) : undefined

/** Calls the server. JSON is parsed, anything else is a Blob; a failure is an ApiError with a plain sentence. */
export async function call<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  params: ParamsOf<paths[P][M]>,
  ...[body]: BodyOf<paths[P][M]>
): Promise<AnswerTo<paths[P][M]>> {
  let response: Response
  try {
    response = await fetch(filled(path, params), init(method, body))
  } catch {
    throw new ApiError(`${server()} does not answer: is it still running in its terminal?`, 0)
  }
  if (!response.ok) throw new ApiError(await sentence(response), response.status)
  return (await answer(response)) as AnswerTo<paths[P][M]>
}

/** For when the page is being closed: the browser completes the request without the page. */
export function callOnLeaving<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  params: ParamsOf<paths[P][M]>,
  ...[body]: BodyOf<paths[P][M]>
): void {
  void fetch(filled(path, params), { ...init(method, body), keepalive: true }).catch(() => undefined)
}

/** The address of something to download or to show. */
export const address = <P extends PathOf<'get'>>(path: P, params: ParamsOf<paths[P]['get']>): string =>
  filled(path, params)

function filled(path: string, params: unknown): string {
  const query = new URLSearchParams()
  let address = path
  for (const [name, value] of Object.entries(params as Record<string, unknown>)) {
    const place = `{${name}}`
    if (path.includes(place)) address = address.replace(place, encodeURIComponent(String(value)))
    else for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one))
  }
  return query.size > 0 ? `${address}?${query}` : address
}

function init(method: Method, body: unknown): RequestInit {
  const json = body !== undefined && !(body instanceof Blob)
  return {
    method: method.toUpperCase(),
    body: json ? JSON.stringify(body) : (body as Blob | undefined),
    headers: json ? { 'Content-Type': 'application/json' } : {},
  }
}

async function answer(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  return response.headers.get('Content-Type')?.startsWith('application/json') ? response.json() : response.blob()
}

/** What answers, as it is called in the terminal. */
const server = (): string =>
  globalThis.location?.pathname.startsWith('/experiments') ? 'handlens experiments' : 'Studio'

async function sentence(response: Response): Promise<string> {
  const text = await response.text().catch(() => '')
  try {
    const said = JSON.parse(text) as { error?: unknown }
    if (typeof said.error === 'string') return said.error
  } catch {
    // Not JSON: this was not answered by the server; the status says more than its body.
  }
  return `${server()} answered with an error (${response.status} ${response.statusText}).`
}
