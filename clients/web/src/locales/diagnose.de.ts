/** German texts of the connection check. */
import type { Translation } from '../lib/i18n.svelte';
import type en from './diagnose.en';

export default {
  skip: 'Zum Inhalt springen',
  title: 'Verbindungstest',
  intro:
    'Prüft den Weg zwischen diesem Gerät und dem Workshop-Server. Dauert etwa zehn Sekunden, braucht kein Konto und speichert nichts.',
  language: 'Sprache',
  testing: 'Test läuft …',
  'testing.body': 'Lass diese Seite einen Moment offen.',
  again: 'Noch einmal testen',
  home: 'Atelier, zum Workshop',

  'verdict.good': 'Alles funktioniert.',
  'verdict.good.body': 'Neues erreicht dieses Gerät sofort.',
  'verdict.detour': 'Es funktioniert, auf einem Umweg.',
  'verdict.detour.body':
    'Etwas auf dem Weg stört WebSockets. Atelier umgeht es von selbst, mit denselben Inhalten. Du kannst wie gewohnt teilnehmen.',
  'verdict.slow': 'Es funktioniert, auf einem langen Umweg.',
  'verdict.slow.body':
    'Etwas auf dem Weg stört WebSockets und hält laufende Übertragungen zurück. Atelier fragt stattdessen immer wieder nach. Stimmen und Fragen kommen an; was andere tun, siehst du etwas später.',
  'verdict.broken': 'Neues kommt nicht durch.',
  'verdict.broken.body':
    'Über dieses Netz kannst du kaum teilnehmen. Unten steht, was hilft; ein Handy mit mobilen Daten ist oft der schnellste Weg.',
  'verdict.limited': 'Nicht alles konnte getestet werden.',
  'verdict.limited.body':
    'Der Server ist mit anderen Tests beschäftigt. Deshalb lässt sich nicht sagen, wie gut dieses Gerät verbunden ist. Am Netz liegt das nicht.',
  'verdict.away': 'Der Server ist nicht erreichbar.',
  'verdict.away.body': 'Deshalb konnte nichts weiter getestet werden.',

  'checks.title': 'Was getestet wurde',
  'check.reach': 'Server antwortet',
  'check.socket': 'WebSocket',
  'check.stream': 'Laufende Übertragung',
  'check.answer': 'Warten auf Neues',
  'check.send': 'Senden',
  'check.clock': 'Uhr dieses Geräts',
  'check.speed': 'Antwortzeit',
  'state.ok': 'funktioniert',
  'state.note': 'sieh hier nach',
  'state.bad': 'funktioniert nicht',
  'state.open': 'wird getestet …',
  'state.skipped': 'nicht getestet',
  'value.reach': 'hat geantwortet',
  'value.socket': 'öffnet und bleibt offen; hin und zurück in {ms} ms',
  'value.stream': '{count} Meldungen, eine nach der anderen',
  'value.answer': 'hat {seconds} s auf eine Antwort gewartet',
  'value.send': 'kommt an, mit dem Platz',
  'value.clock': '{seconds} s Abweichung',
  'value.speed': '{ms} ms hin und zurück',

  'findings.title': 'Was nicht stimmt und wer es beheben kann',
  'findings.note': 'Gut zu wissen',
  'who.you': 'Du kannst etwas tun',
  'who.network': 'Für deine IT-Abteilung',
  'who.operator': 'Für die Betreiber des Servers',
  remedy: 'Für nginx zum Beispiel:',

  'find.offline': 'Dieses Gerät ist offline.',
  'find.offline.body': 'Schalte WLAN oder mobile Daten ein und teste noch einmal.',
  'find.unreachable': 'Der Server antwortet nicht.',
  'find.unreachable.body':
    'Vielleicht sperrt das Netz {host}, vielleicht läuft der Server nicht. Versuche ein anderes Netz, zum Beispiel mobile Daten. Wenn auch das nicht hilft, sage der Leitung Bescheid.',
  'find.portal': 'Etwas anderes antwortet anstelle des Servers.',
  'find.portal.body':
    'Meist ist das die Anmeldeseite eines WLANs. Öffne irgendeine Webseite, melde dich dort an und teste noch einmal.',
  'find.gateway': 'Ein Proxy antwortet, der Server dahinter aber nicht ({status}).',
  'find.gateway.body': 'Läuft Atelier, und führt der Proxy zu seiner Adresse?',
  'find.limited': 'Der Server hat nicht alles getestet: Es waren zu viele Tests.',
  'find.limited.body':
    'Aus diesem Netz oder von allen zusammen. Was nicht getestet wurde, sagt nichts über die Verbindung. Warte eine Minute und teste noch einmal.',
  'find.socketStripped': 'Ein Proxy nimmt WebSocket-Anfragen auseinander.',
  'find.socketStripped.body':
    'Die Anfrage kam ohne ihren Header Upgrade beim Server an, der deshalb nur mit 400 antworten konnte. Der Proxy vor dem Server muss die Header Upgrade und Connection weitergeben, über HTTP/1.1.',
  'find.socketLost': 'Der Server hat dem WebSocket zugestimmt, aber seine Antwort ging verloren.',
  'find.socketLost.body':
    'Ein Proxy auf dem Weg lässt eine Verbindung nicht zum WebSocket werden. Vor dem Server braucht er HTTP/1.1 und die Header unten; in einem Firmennetz muss der Proxy WebSockets zu {host} erlauben.',
  'find.socketBlocked': 'WebSockets werden aufgehalten, bevor sie den Server erreichen.',
  'find.socketBlocked.body':
    'Eine Firewall, ein Firmen-Proxy oder ein Sicherheitsprogramm auf diesem Gerät lässt sie nicht durch. WebSocket-Verbindungen zu {host} müssen erlaubt werden.',
  'find.socketMute': 'Der WebSocket öffnet, aber nichts kommt hindurch.',
  'find.socketMute.body':
    'Ein Proxy oder Sicherheitsprogramm, das in den Datenverkehr hineinsieht, verschluckt die Nachrichten. {host} muss davon ausgenommen werden.',
  'find.socketCut': 'Der WebSocket wird nach {seconds} s getrennt.',
  'find.socketCut.body':
    'Etwas auf dem Weg beendet Verbindungen, auf denen es still ist. Der Server meldet sich alle 25 Sekunden, also darf eine Minute lang Stille sein.',
  'find.socketElsewhere': 'WebSockets funktionieren, aber nicht unter der Adresse der Workshops.',
  'find.socketElsewhere.body':
    '/live/diagnose/ws öffnet, /live/ws nicht. Im Proxy gibt es wohl eine Regel, die diese eine Adresse anders behandelt.',
  'find.streamHeld': 'Ein Proxy hält laufende Übertragungen zurück.',
  'find.streamHeld.body':
    'Die Meldungen verließen den Server einzeln und kamen zusammen an. Ein Proxy vor dem Server darf sie nicht puffern und muss den Header X-Accel-Buffering beachten; ein Firmen-Proxy oder Virenscanner muss {host} ausnehmen.',
  'find.streamBlocked': 'Laufende Übertragungen kommen nicht durch.',
  'find.streamBlocked.body':
    'Ein Filter auf dem Weg hält sie auf. Antworten vom Typ text/event-stream von {host} müssen erlaubt werden.',
  'find.answerCut': 'Anfragen, die auf Neues warten, werden abgebrochen.',
  'find.answerCut.body':
    'Ein Proxy gibt nach weniger als drei Sekunden auf. Anfragen müssen 40 Sekunden warten dürfen.',
  'find.sendBlocked': 'Was du sendest, kommt nicht an.',
  'find.sendBlocked.body':
    'Ohne WebSocket reisen Stimmen und Fragen als POST-Anfragen, und ein Filter auf dem Weg weist sie ab. Sie müssen zu {host} erlaubt werden.',
  'find.sendStripped': 'Ein Proxy entfernt den Nachweis, wer du bist.',
  'find.sendStripped.body':
    'Anfragen kommen ohne den Header Authorization beim Server an. Der Proxy muss ihn weitergeben.',
  'find.clockAhead': 'Die Uhr dieses Geräts geht {time} vor.',
  'find.clockBehind': 'Die Uhr dieses Geräts geht {time} nach.',
  'find.clock.body':
    'Atelier gleicht das bei seinen Zeiten aus. Anderes kann scheitern, etwa eine Anmeldung: Stelle die Uhr in den Einstellungen des Geräts auf automatisch.',
  'find.far': 'Der Weg zum Server dauert lange ({ms} ms).',
  'find.far.body':
    'Alles funktioniert, mit Verzögerung. Näher am WLAN oder in einem anderen Netz geht es vielleicht schneller.',
  'find.insecure': 'Der Server weiß nicht, dass er über https erreicht wird.',
  'find.insecure.body':
    'Links und Cookies macht er dann für http. Der Proxy muss es ihm sagen, und Atelier muss dem Proxy glauben.',
  'time.seconds': { one: '{n} Sekunde', other: '{n} Sekunden' },
  'time.minutes': { one: '{n} Minute', other: '{n} Minuten' },
  'time.hours': { one: '{n} Stunde', other: '{n} Stunden' },
  'time.days': { one: '{n} Tag', other: '{n} Tage' },

  'report.title': 'Für die Hilfe',
  'report.body': 'Schicke das mit, wenn du um Hilfe bittest. Es enthält keine Namen, keine Codes und keine Zugänge.',
  'report.copy': 'Bericht kopieren',
  'report.copied': 'Kopiert.',
  'report.select': 'Markiert. Kopiere den Text mit dem Menü deines Geräts.',
  'report.show': 'Bericht zeigen',
} as const satisfies Translation<typeof en>;
