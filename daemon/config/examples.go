package config

import (
	"slices"

	"github.com/claimd/claimd/mapping"
)

// exampleGUIDs are those of the shipped files and the documentation. No tenant has them.
var exampleGUIDs = []string{
	"d86ca749-105f-4f0a-a4f2-89c5ef275c2e",
	"17e1e12b-3908-4782-b7ca-f01bec2bd750",
	"36a0427c-4ca6-4bb6-afe2-804a729f14a1",
	"6cab8f93-8e22-4947-80c3-c6ed549cb47a",
	"0d3c5f9e-0000-4000-8000-000000000001",
	"690222be-ff1a-4d56-abd1-7e4f7d38e474",
	"b1d4f0a2-6c3e-4f58-9a7d-3e2c81f5706b",
	"b09d5e73-6f1a-4c28-8e47-a5d3c1f90b62",
	"e82c47f6-30db-4a95-bf10-7c94d6a8e135",
	"45f0b8d1-c97e-4a32-9d56-e1837fc2a04b",
	"4f1c8e27-5b90-4d3a-9c66-e81f0a72bd35",
	"9b3d6a51-27ce-4e08-8f14-c05d7e9ab246",
	"c7e02f94-816d-4ab3-b5d9-2f6a1e83c07d",
	"e5a9173c-0d42-4f6b-a8e7-91b3c4d60f28",
	"1d7b3f60-e924-4c85-b0a3-68f5d2c9174e",
	"27c5e8a1-4f36-4d9b-8270-b9e1f04c6d53",
	"3ae90d72-b158-4c67-9f4d-05c2e7a81b64",
	"4c81f6b5-07d3-4e2a-a916-7d3f8b05c2e9",
	"58d2a7c9-e461-4b05-bd38-f10c96e4a275",
	"63f7b014-9a8e-4d52-8c71-2e5b0d94f6a3",
	"7b06e3d8-25fc-4a19-9e40-c8d71a63b5f2",
	"85c9d4f1-6e70-4b3c-a2f5-19e8b7d03c46",
	"9e42b5a7-d013-4f68-8b96-e3a0c57f21d4",
	"a6f31c08-7b95-4e4d-90c2-5d8e14b7f369",
	"b8d70e95-3c2f-4a61-87de-f4b92c05a1e7",
	"c19e5a46-f8b7-4d20-b463-0a7c3d91e8f5",
	"0c6e91d3-74ab-4f25-8d1e-b3f8052a69c7",
	"52d8f7a0-1b3c-4e96-a047-9c6e2d81f5b3",
	"d4b7c916-e05f-4238-9ab1-73f0e8c52d6a",
	"f3a85b29-c1d6-4074-b9e2-4d7c06f1e853",
	"6e9104c7-d82b-4f53-8ca6-051fb7e3d92a",
	"27bf5e80-93ac-4d16-b7f4-e8c1d06a3952",
	"8a2f6d05-b7e9-4c31-9460-d1f5c8037e2b",
	"e07c3b94-5d18-4a6f-82b3-96fa0e4d7c15",
	"b5e1d870-4c93-4f2a-a6d8-37c9f0e2165b",
	"71d9a3e6-f04b-4852-bc97-2e6d85f10ca4",
	"9f54e2b8-06c7-4d3a-a1e5-c7b80d93f621",
	"3b68f0c5-a279-4e1d-96fb-d40c5e7a8132",
}

// exampleNotice says that a GUID was left as an example had it.
func (c *checker) exampleNotice(path mapping.Path, guid string) {
	if slices.Contains(exampleGUIDs, guid) {
		c.notice(path, "did you edit the file?", "is the GUID of an example")
	}
}
