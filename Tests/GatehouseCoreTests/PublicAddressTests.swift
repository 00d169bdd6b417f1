import GatehouseCore
import Testing

@Suite struct PublicAddressTests {
    @Test(arguments: [
        "1.1.1.1", "9.255.255.255", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1", "64:ff9b::1.1.1.1",
        "::ffff:8.8.8.8", "2003::1",
    ])
    func `an address of the internet is one`(text: String) { #expect(PublicAddress.contains(text)) }

    @Test(arguments: [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::169.254.169.254", "64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "127.1",
        "0x7f.1", "", "localhost",
    ])
    func `every other address is not`(text: String) { #expect(!PublicAddress.contains(text)) }
}
