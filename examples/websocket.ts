/**
 * A page whose readers write to each other over a WebSocket: open it in two windows.
 *
 * The same handler serves HTTP/1.1 and HTTP/2: over https, browsers use the connection that they
 * have already.
 */
import {
  HttpResponse, createServer, isWebSocketRequest, prepare, webSocket, type WebSocketSession,
} from '../src/index.ts';
import { commandLine } from './support/command-line.ts';
import { localTls } from './support/local-tls.ts';
import { serve } from './support/serve.ts';

const page = new HttpResponse(200, { 'content-type': 'text/html; charset=utf-8' }, `<!doctype html>
<title>WebSocket</title>
<form><input autofocus placeholder="say something"></form>
<ol></ol>
<script>
  const socket = new WebSocket(location.href.replace('http', 'ws'));
  const form = document.forms[0];
  const show = (text) => {
    const item = document.createElement('li');
    item.textContent = text;
    document.querySelector('ol').append(item);
  };
  socket.onmessage = ({ data }) => show(data);
  socket.onclose = ({ code, reason }) => show('closed: ' + code + ' ' + reason);
  form.onsubmit = (event) => {
    event.preventDefault();
    socket.send(form[0].value);
    form.reset();
  };
</script>
`);

const present = new Set<WebSocketSession>();

const talk = webSocket(async (session) => {
  present.add(session);
  void session.closed.then(() => present.delete(session));
  for await (const message of session) {
    // One frame for all. Who does not read it is sent away, and the others do not wait.
    const prepared = prepare(message);
    for (const one of present) {
      if (!one.trySend(prepared)) void one.close(1013, 'too slow');
    }
  }
}, { accepts: 'text', limits: { webSocketMessageBytes: 4096 } });

const { host, port = 8000, limits } = commandLine();
const server = createServer({
  handle: (request) => (isWebSocketRequest(request) ? talk(request) : page),
  connectProtocols: ['websocket'],
}, { limits, tls: localTls().tls });
await serve(server, { host, port });
