/**
 * One WebSocket exchange, for trying a policy on: connect, send a message, tell the answer.
 *
 * @module
 */
import { WebSocket } from "ws";
import type { Millis } from "../../core/base/millis.ts";

export interface WebSocketReply {
  /** What came back; "" if nothing did. */
  readonly message: string;
  /** Why nothing came back, else "". */
  readonly error: string;
}

/** Never rejects. */
export async function callWebSocket(url: string, message: string, deadline: Millis = 5_000): Promise<WebSocketReply> {
  const { promise, resolve } = Promise.withResolvers<WebSocketReply>();
  const socket = new WebSocket(url);
  const timer = setTimeout(() => resolve({ message: "", error: `no answer within ${deadline} ms` }), deadline);
  socket.once("open", () => socket.send(message));
  socket.once("message", (content) => resolve({ message: content.toString(), error: "" }));
  socket.once("error", (error) => resolve({ message: "", error: error.message }));
  socket.once("close", (code) => resolve({ message: "", error: `closed with ${code} before an answer` }));
  const reply = await promise;
  clearTimeout(timer);
  socket.terminate();
  return reply;
}
