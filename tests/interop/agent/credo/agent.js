// An agent of Credo's: a command in JSON a line, answers and what it hears in JSON a line.
const readline = require('node:readline')
const { askar } = require('@openwallet-foundation/askar-nodejs')
const { AskarModule } = require('@credo-ts/askar')
const { agentDependencies, HttpInboundTransport } = require('@credo-ts/node')
const {
  Agent, BasicMessageEventTypes, BasicMessageRole, ConnectionEventTypes, ConnectionsModule, HandshakeProtocol,
  HttpOutboundTransport,
} = require('@credo-ts/core')

const [port, wallet] = process.argv.slice(2)
const say = (said) => process.stdout.write(JSON.stringify(said) + '\n')

const agent = new Agent({
  config: { label: 'credo', endpoints: [`http://127.0.0.1:${port}`], walletConfig: { id: wallet, key: 'secret' } },
  dependencies: agentDependencies,
  modules: {
    askar: new AskarModule({ ariesAskar: askar }),
    connections: new ConnectionsModule({ autoAcceptConnections: true }),
  },
})

const commands = {
  async invite() {
    const { invitation, outOfBandRecord } = await agent.oob.createLegacyInvitation({ autoAcceptConnection: true })
    return { invitation: invitation.toJSON(), record: outOfBandRecord.id }
  },
  async inviteOutOfBand() {
    const record = await agent.oob.createInvitation({
      handshakeProtocols: [HandshakeProtocol.DidExchange], autoAcceptConnection: true,
    })
    return { invitation: record.outOfBandInvitation.toJSON(), record: record.id }
  },
  async receive({ url }) {
    const { connectionRecord } = await agent.oob.receiveInvitationFromUrl(url)
    return { connection: connectionRecord.id }
  },
  async send({ connection, content }) {
    await agent.basicMessages.sendMessage(connection, content)
    return {}
  },
  async ping({ connection }) {
    await agent.connections.sendPing(connection, { responseRequested: true })
    return {}
  },
}

async function main() {
  agent.registerInboundTransport(new HttpInboundTransport({ port: Number(port) }))
  agent.registerOutboundTransport(new HttpOutboundTransport())
  agent.events.on(ConnectionEventTypes.ConnectionStateChanged, ({ payload: { connectionRecord: is } }) =>
    say({ heard: 'connection', connection: is.id, record: is.outOfBandId, state: is.state }))
  agent.events.on(BasicMessageEventTypes.BasicMessageStateChanged, ({ payload: { basicMessageRecord: is } }) => {
    if (is.role === BasicMessageRole.Receiver) say({ heard: 'message', connection: is.connectionId, content: is.content })
  })
  await agent.initialize()
  say({ ready: true })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { do: what, ...asked } = JSON.parse(line)
    try {
      say({ done: what, ...(await commands[what](asked)) })
    } catch (error) {
      say({ failed: what, why: String(error.stack ?? error) })
    }
  }
  await agent.shutdown()
}

main()
