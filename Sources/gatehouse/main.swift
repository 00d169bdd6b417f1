import GatehouseCommands

await GatehouseCommand.start()
