/** English texts of the connection check; its keys are the catalogue. */
export default {
  skip: 'Skip to content',
  title: 'Connection check',
  intro:
    'Tests the way between this device and the workshop server. Takes about ten seconds, needs no account, and keeps nothing.',
  language: 'Language',
  testing: 'Testing …',
  'testing.body': 'Keep this page open for a moment.',
  again: 'Test again',
  home: 'Atelier, to the workshop',

  'verdict.good': 'Everything works.',
  'verdict.good.body': 'Live updates reach this device at once.',
  'verdict.detour': 'It works, on a detour.',
  'verdict.detour.body':
    'Something on the way breaks WebSockets. Atelier goes around it by itself, with the same updates. You can take part as usual.',
  'verdict.slow': 'It works, on a long detour.',
  'verdict.slow.body':
    'Something on the way breaks WebSockets and holds live streams back. Atelier asks for news again and again instead. Votes and questions arrive; what others do shows up a little later.',
  'verdict.broken': 'Live updates do not get through.',
  'verdict.broken.body':
    'You can hardly take part over this network. Below is what helps; a phone on mobile data is often the quickest way.',
  'verdict.limited': 'Not everything could be tested.',
  'verdict.limited.body':
    'The server is busy with other tests, so it cannot be said how well this device is connected. That is not a fault of the network.',
  'verdict.away': 'The server cannot be reached.',
  'verdict.away.body': 'So nothing else could be tested.',

  'checks.title': 'What was tested',
  'check.reach': 'Server answers',
  'check.socket': 'WebSocket',
  'check.stream': 'Live stream',
  'check.answer': 'Waiting for news',
  'check.send': 'Sending',
  'check.clock': 'Clock of this device',
  'check.speed': 'Response time',
  'state.ok': 'works',
  'state.note': 'look at this',
  'state.bad': 'does not work',
  'state.open': 'testing …',
  'state.skipped': 'not tested',
  'value.reach': 'answered',
  'value.socket': 'open and stays open; there and back in {ms} ms',
  'value.stream': '{count} updates, one by one',
  'value.answer': 'waited {seconds} s for an answer',
  'value.send': 'arrives, with the seat',
  'value.clock': '{seconds} s off',
  'value.speed': '{ms} ms there and back',

  'findings.title': 'What is wrong, and who can fix it',
  'findings.note': 'Worth knowing',
  'who.you': 'You can do something',
  'who.network': 'For your IT department',
  'who.operator': 'For whoever runs the server',
  remedy: 'For nginx, as an example:',

  'find.offline': 'This device is offline.',
  'find.offline.body': 'Turn on Wi-Fi or mobile data, then test again.',
  'find.unreachable': 'The server does not answer.',
  'find.unreachable.body':
    'The network may block {host}, or the server may be down. Try another network, such as mobile data. If that does not help either, tell your host.',
  'find.portal': 'Something else answers in place of the server.',
  'find.portal.body':
    'Usually that is the sign-in page of a Wi-Fi network. Open any web page, sign in there, then test again.',
  'find.gateway': 'A proxy answers, but the server behind it does not ({status}).',
  'find.gateway.body': 'Does Atelier run, and does the proxy lead to its address?',
  'find.limited': 'The server would not test everything: there were too many tests.',
  'find.limited.body':
    'From this network, or from all together. What was not tested says nothing about the connection. Wait a minute, then test again.',
  'find.socketStripped': 'A proxy takes WebSocket requests apart.',
  'find.socketStripped.body':
    'The request reached the server without its Upgrade header, so the server could only answer 400. The proxy in front of the server has to pass the headers Upgrade and Connection on, over HTTP/1.1.',
  'find.socketLost': 'The server agreed to the WebSocket, but its answer got lost.',
  'find.socketLost.body':
    'A proxy on the way does not let a connection become a WebSocket. In front of the server it needs HTTP/1.1 and the headers below; in a company network the web proxy has to allow WebSockets to {host}.',
  'find.socketBlocked': 'WebSockets are stopped before they reach the server.',
  'find.socketBlocked.body':
    'A firewall, a company proxy, or a security program on this device does not let them through. Allow WebSocket connections to {host}.',
  'find.socketMute': 'The WebSocket opens, but nothing comes through it.',
  'find.socketMute.body':
    'A proxy or a security program that looks into the traffic swallows the messages. Exempt {host} from inspection.',
  'find.socketCut': 'The WebSocket is cut off after {seconds} s.',
  'find.socketCut.body':
    'Something on the way ends connections that are quiet. The server speaks every 25 seconds, so a line may be quiet for a minute.',
  'find.socketElsewhere': 'WebSockets work, but not at the address that live sessions use.',
  'find.socketElsewhere.body':
    '/live/diagnose/ws opens and /live/ws does not. Look for a rule in the proxy that treats the one address differently.',
  'find.streamHeld': 'A proxy holds live streams back.',
  'find.streamHeld.body':
    'The updates left the server one by one and arrived together. A proxy in front of the server must not buffer them, and must heed the header X-Accel-Buffering; a company proxy or a virus scanner has to exempt {host}.',
  'find.streamBlocked': 'Live streams do not get through.',
  'find.streamBlocked.body':
    'A filter on the way stops them. Allow responses of the type text/event-stream from {host}.',
  'find.answerCut': 'Requests that wait for news are cut off.',
  'find.answerCut.body': 'A proxy gives up within three seconds. Let requests wait for at least 40 seconds.',
  'find.sendBlocked': 'What you send does not arrive.',
  'find.sendBlocked.body':
    'Without a WebSocket, votes and questions travel as POST requests, and a filter on the way refuses those. Allow them to {host}.',
  'find.sendStripped': 'A proxy removes the proof of who you are.',
  'find.sendStripped.body':
    'Requests reach the server without their Authorization header. The proxy has to pass it on.',
  'find.clockAhead': 'The clock of this device is {time} ahead.',
  'find.clockBehind': 'The clock of this device is {time} behind.',
  'find.clock.body':
    'Atelier corrects its timers for that. Other things may fail, such as signing in: set the clock to automatic in the settings of the device.',
  'find.far': 'The way to the server takes long ({ms} ms).',
  'find.far.body': 'Everything works, with a delay. Closer to the Wi-Fi, or on another network, it may be quicker.',
  'find.insecure': 'The server does not know that people reach it over https.',
  'find.insecure.body':
    'Its links and cookies will be made for http. The proxy has to say so, and Atelier has to believe the proxy.',
  'time.seconds': { one: '{n} second', other: '{n} seconds' },
  'time.minutes': { one: '{n} minute', other: '{n} minutes' },
  'time.hours': { one: '{n} hour', other: '{n} hours' },
  'time.days': { one: '{n} day', other: '{n} days' },

  'report.title': 'For support',
  'report.body': 'Send this along when you ask for help. It contains no names, no codes and no tokens.',
  'report.copy': 'Copy the report',
  'report.copied': 'Copied.',
  'report.select': 'Selected. Copy it with the menu of your device.',
  'report.show': 'Show the report',
} as const;
